// The command lines that start drover's ranks under mpirun.
#pragma once

#include <string>
#include <vector>

#include "drover/runtime/sealed_command.hpp"

namespace drover::runtime {

/// `mpirun` and its arguments.
struct MpirunCommand {
  std::vector<std::string> words;
  /// What they refer to: to be kept as long as mpirun goes on.
  std::vector<SealedCommand> sealed;
};

/// Worker ranks of one host.
struct HostLaunch {
  std::string host;
  unsigned num_workers = 1;
  std::vector<std::string> args;  ///< of the program there, without its name
};

/// A master on this machine, and workers here; with Open MPI 5 also on others, which cannot come by themselves.
struct FarmLaunch {
  unsigned num_workers = 1;       ///< on this machine, when no hosts are given
  std::vector<std::string> args;  ///< of the program, without its name, when no hosts are given
  /// Open MPI 5: the first is this machine; empty: it is the only one.
  std::vector<HostLaunch> hosts;
  std::string program;  ///< absolute
  bool is_open_mpi_5 = false;
  bool is_in_slurm_job = false;
};

/// Protected against the death of a process; not bound to cores, since commands would inherit that. No argument of
/// the program is one of mpirun's. Throws drover::Error.
[[nodiscard]] MpirunCommand mpirun_command(const FarmLaunch& launch);

/// Has the MPI job that a FarmLaunch's words start know an ompi-server, so that groups can join.
void add_ompi_server(std::vector<std::string>& words, const std::string& uri);

/// Workers of this host with a launcher of their own, which join a master. One unit of loss.
struct GroupLaunch {
  unsigned population = 1;
  std::string program;
  std::vector<std::string> args;
  std::string ompi_server;  ///< the one that the master's mpirun knows
  bool is_in_slurm_job = false;
};

/// As above, for Open MPI 4, the only one where groups can join.
[[nodiscard]] MpirunCommand mpirun_command(const GroupLaunch& launch);

/// Beginnings of the names of variables by which a launcher tells its ranks who they are. An mpirun
/// that a rank starts must not see them. What users set for every MPI job (OMPI_MCA_btl_...) is not
/// among them.
[[nodiscard]] const std::vector<std::string>& launcher_variables();

}  // namespace drover::runtime
