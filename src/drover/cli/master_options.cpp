#include "drover/cli/master_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "drover/cli/caller_shell.hpp"
#include "drover/cli/launcher_process.hpp"
#include "drover/cli/output_printing.hpp"
#include "drover/cli/resume_command.hpp"
#include "drover/cli/version.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/exec/launcher_variables.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/ompi_server.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/own_program.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;

/// Between the end of a run and that of the Slurm job: for the last records, and for MPI's end.
constexpr core::Duration kJobEndMargin = 10s;

/// The name by which a run is known: that of its directory.
std::string run_id(const journal::RunDirectory& run) {
  return run.path().filename().string();
}

/// `NAME` alone means the value it has here.
std::vector<std::string> resolve_variables(const std::vector<std::string>& variables) {
  std::vector<std::string> resolved;
  for (const std::string& variable : variables) {
    if (variable.find('=') != std::string::npos) {
      resolved.push_back(variable);
    } else if (const char* value = std::getenv(variable.c_str()); value != nullptr) {
      resolved.push_back(variable + "=" + value);
    } else {
      throw UsageError("--env " + variable + ": there is no such variable here; give it a value as " + variable +
                       "=...");
    }
  }
  return resolved;
}

/// What is left of the Slurm job, as long as one is there and has a limit.
std::optional<core::Duration> time_left_in_job() {
  const auto end = runtime::slurm_end_time(runtime::process_environment());
  if (!end) return std::nullopt;
  return std::max<core::Duration>(*end - std::chrono::system_clock::now() - kJobEndMargin, core::Duration(1));
}

/// On the clock of this process; commands that must be ended get their time for it.
std::optional<core::Time> time_end(const RunOptions& options) {
  std::optional<core::Duration> limit = time_left_in_job();
  if (options.time_limit > core::Duration::zero())
    limit = std::min(limit.value_or(options.time_limit), options.time_limit);
  if (!limit) return std::nullopt;
  return runtime::now() + std::max(*limit - options.kill_after, *limit / 2);
}

core::ExecProfile exec_profile(const RunOptions& options, const OpenRun& run) {
  core::ExecProfile profile;
  profile.shell = options.shell;
  profile.workdir = options.workdir.empty() ? run.workdir : std::filesystem::absolute(options.workdir).string();
  profile.env = exported_functions();
  for (std::string& variable : resolve_variables(options.env)) profile.env.push_back(std::move(variable));
  profile.timeout = options.timeout;
  profile.kill_after = options.kill_after;
  profile.run_id = run_id(run.directory);
  profile.run_dir = run.directory.path().string();
  return profile;
}

/// As on this host: one worker drives all its slots, unless somebody wants more of them, or them to have others. (Of a
/// run on this host alone, the number of workers is that of this host; others may have come since.)
control::request::ScaleAdd hosts_to_ask(const RunInvocation& invocation) {
  control::request::ScaleAdd request;
  request.hosts = control::parse_host_slots(invocation.options.other_hosts);
  const RunOptions& options = invocation.options;
  const bool is_on_hosts =
      !options.hosts.empty() || !options.hostfile.empty() || std::getenv("SLURM_JOB_ID") != nullptr;
  request.population = is_on_hosts ? options.num_workers.value_or(1) : 1;
  if (are_slots_given(invocation)) request.slots_per_worker = invocation.options.num_slots;
  return request;
}

}  // namespace

runtime::MasterOptions master_options(const RunInvocation& invocation, const OpenRun& run, const std::string& host,
                                      std::uint32_t num_workers) {
  const RunOptions& options = invocation.options;
  runtime::MasterOptions master;
  master.start = run.journal->start();
  master.policy.retry = options.retry;
  master.policy.halt = options.halt;
  master.policy.credit.fixed_per_slot = options.prefetch;
  master.policy.lease = options.lease;
  master.policy.scale = options.scale;
  master.policy.scale.local_host = host;
  master.policy.worker_wait = options.worker_wait;
  master.policy.max_worker_kills = options.max_worker_kills;
  master.policy.max_host_losses = options.max_host_losses;
  if (options.time_request > core::Duration::zero()) master.policy.time_request = options.time_request;
  // Workers leave once what they execute has ended, which may take a TERM and then a KILL.
  master.policy.leave_grace = options.kill_after + options.lease;
  master.profile = exec_profile(options, run);
  master.origin = exec::origin_variables(environment_before_launcher());
  master.heartbeat = options.heartbeat;
  master.master_lease = support::times(options.lease, 3);
  master.num_world_workers = num_workers;
  if (!options.other_hosts.empty()) master.hosts = hosts_to_ask(invocation);
  master.keep_open = options.keep_open;
  master.time_end = time_end(options);
  master.ends_by_sigterm = std::getenv("SLURM_JOB_ID") != nullptr;
  master.drover_version = version();
  return master;
}

runtime::RecruiterOptions recruiter_options(const RunOptions& options, const Program* program) {
  runtime::RecruiterOptions recruiter;
  recruiter.program = support::own_program();
  if (program != nullptr) {
    recruiter.args_before = program->args_before;
    recruiter.args_after = program->args_after;
  }
  recruiter.drover_version = version();
  recruiter.slots_per_worker = options.num_slots;
  recruiter.rank_options = isolation_arguments(options.isolation);
  return recruiter;
}

runtime::StatusBoard::About board_about(const RunOptions& options, const OpenRun& run, const std::string& host) {
  return {run_id(run.directory), run.directory.path().string(),      host, options.heartbeat,
          options.keep_open,     run.journal->start().is_input_ended};
}

bool can_roll_over(const runtime::SupervisorLink* supervisor, const OpenRun& run) {
  return supervisor != nullptr && run.is_input_safe;
}

runtime::ControlDesk::Options desk_options(const RunInvocation& invocation, const runtime::SupervisorLink* supervisor,
                                           const OpenRun& open_run, const std::string& host) {
  const RunOptions& options = invocation.options;
  const journal::RunDirectory& run = open_run.directory;
  runtime::ControlDesk::Options desk;
  desk.run_dir = run.path();
  desk.about = {version(),
                run_id(run),
                run.path().string(),
                host,
                static_cast<std::int32_t>(::getpid()),
                transport::join_obstacle().empty() ? runtime::known_ompi_server().value_or("") : "",
                !transport::join_obstacle().empty() && can_roll_over(supervisor, open_run),
                transport::join_obstacle(),
                transport::mpi_version()};
  if (desk.about.takes_hosts) desk.host_program = own_command(invocation.program);
  desk.output_dir = output_directory(options, run).string();
  desk.output_layout = options.output_layout;
  desk.first_owner = open_run.journal->next_owner();
  desk.has_functions = invocation.program != nullptr;
  return desk;
}

}  // namespace drover::cli
