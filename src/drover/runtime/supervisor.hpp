// The small process outside MPI that a user's terminal talks to when no launcher was used: it starts
// mpirun, passes signals on to the master, takes the exit status from the master rather than from
// mpirun, and ends an mpirun that does not end.
#pragma once

#include <string>
#include <vector>

namespace drover::runtime {

struct SupervisorResult {
  /// What the master said, or 125 when it could not.
  int exit_status = 125;
  /// What went wrong outside the master; empty when nothing did. Ends with what mpirun itself said.
  std::string failure;
};

/// Runs `command` (mpirun and its arguments) to its end. The calling process must have no other
/// children and no other threads. Throws drover::Error when it cannot be started.
[[nodiscard]] SupervisorResult supervise(const std::vector<std::string>& command);

}  // namespace drover::runtime
