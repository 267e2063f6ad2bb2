#include "drover/runtime/launcher.hpp"

namespace drover::runtime {

namespace {

/// Open MPI 4: --enable-recovery keeps the job alive when a rank dies; a non-zero exit of a rank is
/// no reason to end the others.
const std::vector<std::string> kProtection4{
    "--enable-recovery", "--mca", "orte_abort_on_non_zero_status",   "0",   "--oversubscribe", "--mca", "btl",
    "self,vader,tcp",    "--mca", "btl_vader_single_copy_mechanism", "none"};
/// Open MPI 5: ULFM, and a runtime that takes the death of any process as recoverable.
const std::vector<std::string> kProtection5{"--with-ft",
                                            "ulfm",
                                            "--prtemca",
                                            "state_base_recoverable",
                                            "1",
                                            "--prtemca",
                                            "state_base_notify_errors",
                                            "1",
                                            "--map-by",
                                            ":OVERSUBSCRIBE",
                                            "--mca",
                                            "btl",
                                            "self,sm,tcp",
                                            "--mca",
                                            "btl_sm_single_copy_mechanism",
                                            "none"};

const std::vector<std::string> kCommon{"--bind-to", "none", "--mca", "pml", "ob1"};

void append(std::vector<std::string>& command, const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
}

std::string joined(const std::vector<std::string>& strings) {
  std::string text;
  for (const std::string& string : strings) text += (text.empty() ? "" : ",") + string;
  return text;
}

}  // namespace

std::vector<std::string> mpirun_command(const LocalLaunch& launch) {
  std::vector<std::string> command{"mpirun", "-n", std::to_string(launch.num_workers + 1), "--allow-run-as-root"};
  append(command, launch.is_open_mpi_5 ? kProtection5 : kProtection4);
  append(command, kCommon);
  if (!launch.ompi_server.empty()) append(command, {"--ompi-server", launch.ompi_server});
  append(command, {launch.program});
  append(command, launch.args);
  return command;
}

std::vector<std::string> mpirun_command(const GroupLaunch& launch) {
  std::vector<std::string> command{"mpirun", "-n", std::to_string(launch.population), "--allow-run-as-root"};
  if (!launch.hosts.empty()) append(command, {"--host", joined(launch.hosts)});
  append(command, kProtection4);
  append(command, kCommon);
  append(command, {"--ompi-server", launch.ompi_server, launch.program});
  append(command, launch.args);
  return command;
}

const std::vector<std::string>& launcher_variables() {
  static const std::vector<std::string> beginnings{"PMIX_",
                                                   "PRTE_",
                                                   "OMPI_COMM_",
                                                   "OMPI_APP_",
                                                   "OMPI_NUM_APP",
                                                   "OMPI_FIRST_RANKS",
                                                   "OMPI_COMMAND",
                                                   "OMPI_ARGV",
                                                   "OMPI_FILE_LOCATION",
                                                   "OMPI_UNIVERSE",
                                                   "OMPI_MCA_ess",
                                                   "OMPI_MCA_orte_",
                                                   "OMPI_MCA_pmix",
                                                   "OMPI_MCA_initial_wdir",
                                                   "OMPI_MCA_shmem_RUNTIME",
                                                   "OMPI_MCA_mpi_oversubscribe"};
  return beginnings;
}

}  // namespace drover::runtime
