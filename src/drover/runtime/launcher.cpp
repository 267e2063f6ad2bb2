#include "drover/runtime/launcher.hpp"

#include <algorithm>
#include <iterator>

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

}  // namespace

std::vector<std::string> mpirun_command(const LocalLaunch& launch) {
  std::vector<std::string> command{"mpirun", "-n", std::to_string(launch.num_workers + 1), "--allow-run-as-root"};
  const std::vector<std::string>& protection = launch.is_open_mpi_5 ? kProtection5 : kProtection4;
  std::copy(protection.begin(), protection.end(), std::back_inserter(command));
  const std::vector<std::string> common{"--bind-to", "none", "--mca", "pml", "ob1", launch.program};
  std::copy(common.begin(), common.end(), std::back_inserter(command));
  std::copy(launch.args.begin(), launch.args.end(), std::back_inserter(command));
  return command;
}

}  // namespace drover::runtime
