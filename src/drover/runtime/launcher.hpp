// The command lines that start drover's ranks under mpirun.
#pragma once

#include <string>
#include <vector>

namespace drover::runtime {

/// A master and workers on this machine.
struct LocalLaunch {
  unsigned num_workers = 1;
  std::string program;            ///< absolute
  std::vector<std::string> args;  ///< of the program, without its name
  bool is_open_mpi_5 = false;
  /// Address of an ompi-server, so that groups can join; empty: none.
  std::string ompi_server;
};

/// `mpirun` and its arguments: protected against the death of a process; not bound to cores, since
/// commands would inherit that.
[[nodiscard]] std::vector<std::string> mpirun_command(const LocalLaunch& launch);

/// Workers with a launcher of their own, which join a master. One unit of loss: a launch a host.
struct GroupLaunch {
  unsigned population = 1;
  std::vector<std::string> hosts;  ///< `host` or `host:slots`; empty: this machine
  std::string program;
  std::vector<std::string> args;
  std::string ompi_server;  ///< the one that the master's mpirun knows
};

/// As above, for Open MPI 4, the only one where groups can join.
[[nodiscard]] std::vector<std::string> mpirun_command(const GroupLaunch& launch);

/// Beginnings of the names of variables by which a launcher tells its ranks who they are. An mpirun
/// that a rank starts must not see them. What users set for every MPI job (OMPI_MCA_btl_...) is not
/// among them.
[[nodiscard]] const std::vector<std::string>& launcher_variables();

}  // namespace drover::runtime
