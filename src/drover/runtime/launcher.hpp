// The command line that starts drover's ranks under mpirun.
#pragma once

#include <string>
#include <vector>

namespace drover::runtime {

/// Ranks on this machine.
struct LocalLaunch {
  unsigned num_workers = 1;
  std::string program;            ///< absolute
  std::vector<std::string> args;  ///< of the program, without its name
  bool is_open_mpi_5 = false;
};

/// `mpirun` and its arguments: one master, and the workers, on this machine; protected against the
/// death of a process; not bound to cores, since commands would inherit that.
[[nodiscard]] std::vector<std::string> mpirun_command(const LocalLaunch& launch);

}  // namespace drover::runtime
