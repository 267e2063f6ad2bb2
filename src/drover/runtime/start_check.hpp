// What Open MPI would fail over at the start, in many words or none.
#pragma once

#include <string>

namespace drover::runtime {

/// Why no mpirun can be started from this process as it is: its working directory, the one for Open MPI's own files,
/// its environment. Says what to do. Empty: nothing is known against it.
[[nodiscard]] std::string start_obstacle();

}  // namespace drover::runtime
