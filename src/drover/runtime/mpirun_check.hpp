// Whether the mpirun that would be started is the one that drover was built for.
#pragma once

#include <string>

namespace drover::runtime {

/// Why the `mpirun` in PATH cannot start drover's ranks, and what to do; empty: it can, or did not say. Waits for its
/// answer, which takes it milliseconds.
[[nodiscard]] std::string mpirun_obstacle();

}  // namespace drover::runtime
