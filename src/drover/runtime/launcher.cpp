#include "drover/runtime/launcher.hpp"

#include <utility>

#include "drover/exec/launcher_variables.hpp"

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
                                            "slot:OVERSUBSCRIBE",
                                            "--mca",
                                            "btl",
                                            "self,sm,tcp",
                                            "--mca",
                                            "btl_sm_single_copy_mechanism",
                                            "none"};

/// Open MPI 4: whatever allocation or default host file there is, all ranks are on mpirun's own host. A job of ranks on
/// several hosts can neither join another nor be joined.
const std::vector<std::string> kOwnHostOnly{
    "--mca", "plm", "isolated", "--mca", "ras", "^slurm,tm,lsf,gridengine,alps", "--mca", "orte_default_hostfile",
    "none"};

/// In a job of Slurm's: what a task starts by srun itself must not wait for our daemons to end, and when
/// Slurm ends the job, the ranks have a while to hand back what they hold.
std::vector<std::string> slurm_options(bool is_open_mpi_5) {
  if (is_open_mpi_5) return {"--prtemca", "plm_slurm_args", "--overlap --cpu-bind=none"};
  return {"--mca", "odls_base_sigkill_timeout", "6"};
}

const std::vector<std::string> kCommon{"--bind-to", "none", "--mca", "pml", "ob1"};

void append(std::vector<std::string>& command, const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
}

std::string joined(const std::vector<std::string>& strings) {
  std::string text;
  for (const std::string& string : strings) text += (text.empty() ? "" : ",") + string;
  return text;
}

/// Ranks that are started alike, as a part of mpirun's command line.
struct Context {
  unsigned num_ranks = 0;
  std::vector<std::string> hosts;
  const HostLaunch* like = nullptr;
};

/// Hosts in a row that take the same are one: a command line is to be read, and is bounded.
std::vector<Context> contexts(const std::vector<HostLaunch>& hosts) {
  std::vector<Context> contexts;
  unsigned num_masters = 1;
  for (const HostLaunch& host : hosts) {
    const unsigned num_ranks = host.num_workers + std::exchange(num_masters, 0);
    if (contexts.empty() || contexts.back().like->args != host.args) contexts.push_back({0, {}, &host});
    contexts.back().num_ranks += num_ranks;
    contexts.back().hosts.push_back(host.host + ":" + std::to_string(num_ranks));
  }
  return contexts;
}

/// Ranks on this host alone, or where else mpirun has been told to start them.
void append_program(MpirunCommand& mpirun, bool is_here, const std::string& program,
                    const std::vector<std::string>& args) {
  std::vector<std::string> command{program};
  append(command, args);
  append(mpirun.words, is_here ? mpirun.sealed.emplace_back(command).words() : sealed_words(command));
}

void append_programs(MpirunCommand& mpirun, const FarmLaunch& launch) {
  if (launch.hosts.empty()) {
    append(mpirun.words, {"-n", std::to_string(launch.num_workers + 1)});
    return append_program(mpirun, true, launch.program, launch.args);
  }
  bool is_first = true;
  for (const Context& context : contexts(launch.hosts)) {
    if (!std::exchange(is_first, false)) mpirun.words.emplace_back(":");
    append(mpirun.words, {"-n", std::to_string(context.num_ranks), "--host", joined(context.hosts)});
    append_program(mpirun, false, launch.program, context.like->args);
  }
}

}  // namespace

MpirunCommand mpirun_command(const FarmLaunch& launch) {
  MpirunCommand mpirun{{"mpirun", "--allow-run-as-root"}, {}};
  append(mpirun.words, launch.is_open_mpi_5 ? kProtection5 : kProtection4);
  append(mpirun.words, kCommon);
  if (!launch.is_open_mpi_5) append(mpirun.words, kOwnHostOnly);
  if (launch.is_in_slurm_job) append(mpirun.words, slurm_options(launch.is_open_mpi_5));
  append_programs(mpirun, launch);
  return mpirun;
}

void add_ompi_server(std::vector<std::string>& words, const std::string& uri) {
  words.insert(words.begin() + 1, {"--ompi-server", uri});
}

MpirunCommand mpirun_command(const GroupLaunch& launch) {
  MpirunCommand mpirun{{"mpirun", "-n", std::to_string(launch.population), "--allow-run-as-root"}, {}};
  append(mpirun.words, kProtection4);
  append(mpirun.words, kCommon);
  append(mpirun.words, kOwnHostOnly);
  if (launch.is_in_slurm_job) append(mpirun.words, slurm_options(false));
  append(mpirun.words, {"--ompi-server", launch.ompi_server});
  append_program(mpirun, true, launch.program, launch.args);
  return mpirun;
}

const std::vector<std::string>& launcher_variables() {
  return exec::identity_prefixes();
}

}  // namespace drover::runtime
