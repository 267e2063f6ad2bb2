// `drover demo`: what the farm is like, to look at.
#pragma once

namespace drover {

/// The pattern that drover descends from, as its author showed it: after two seconds a master makes a
/// task with a random UUID every second, and workers say what they do. `demo [drover's options] [TASKS]`;
/// without a number it goes on until it is interrupted. Returns the exit status.
[[nodiscard]] int run_demo(int argc, char** argv);

}  // namespace drover
