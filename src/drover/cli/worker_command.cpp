#include "drover/cli/worker_command.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "drover/cli/exit_status.hpp"
#include "drover/cli/log_level.hpp"
#include "drover/cli/records/recorded_run.hpp"
#include "drover/cli/run_options.hpp"
#include "drover/cli/version.hpp"
#include "drover/control/control_socket.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/control/protocol.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/runtime/carried_group.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/host_agent.hpp"
#include "drover/runtime/host_probe.hpp"
#include "drover/runtime/joiner.hpp"
#include "drover/runtime/pump.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/own_program.hpp"
#include "drover/support/shell_quote.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostPopulation = 4096;
/// A group that comes to nothing so often in a row has more than bad luck.
constexpr int kMostFailures = 5;
constexpr core::Duration kRejoinPause = std::chrono::seconds(1);

void say(const std::string& line) {
  std::fprintf(stderr, "drover: %s\n", line.c_str());
}

/// A path on another host, where a `~` at its beginning is for the login shell to replace.
std::string quoted_for_login(const std::string& path) {
  if (!path.starts_with("~/")) return support::shell_quote(path);
  return "~/" + support::shell_quote(path.substr(2));
}

/// `[USER@]HOST[:RUN_DIR]` as the command that reaches a relay there.
std::vector<std::string> relay_command(const std::string& target, const std::string& program) {
  const control::HostAndRest parts = control::split_host(target);
  const char* configured = std::getenv("DROVER_RELAY_AGENT");
  std::istringstream words(configured != nullptr && *configured != '\0'
                               ? configured
                               : "ssh -x -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5");
  std::vector<std::string> command;
  for (std::string word; words >> word;) command.push_back(word);
  if (command.empty()) throw UsageError("DROVER_RELAY_AGENT is blank; expected a command such as ssh");
  if (runtime::is_ssh(command)) command.emplace_back("--");
  command.push_back(parts.host);
  std::string remote = support::shell_quote(program) + " relay";
  if (parts.has_rest) remote += " -- " + quoted_for_login(parts.rest);
  command.push_back(remote);
  return command;
}

/// Whether the run in this directory has come to its end, with nothing left to do.
bool is_finished(const std::string& run_dir) {
  try {
    return read_run(journal::RunDirectory::open(run_dir)).state == "finished";
  } catch (const Error&) {
    return false;  // it may be about to begin
  }
}

/// Where the run's master is on another node, in a Slurm job: the command that reaches a relay there. Empty:
/// it is on this one, or nobody knows.
std::vector<std::string> relay_to_job(const std::string& run_dir) {
  const std::optional<control::MasterPlace> place = control::read_master_place(run_dir);
  std::string job;
  if (!place || place->host == control::host_name()) return {};
  if (!(std::ifstream(journal::RunDirectory::open(run_dir).slurm_job()) >> job)) return {};
  std::vector<std::string> command = runtime::srun_into_job(job, place->host, runtime::process_environment());
  command.insert(command.end(), {support::own_program(), "relay", run_dir});
  return command;
}

/// Where the groups are to be: as named, or each node of the Slurm job. Empty: one, on this machine.
std::vector<control::HostSlots> hosts_of(const WorkerCommandOptions& options) {
  if (options.join == runtime::kOwnChannel) return {};
  if (!options.hosts.empty()) return control::parse_host_slots(options.hosts);
  const auto allocation = runtime::slurm_allocation(runtime::process_environment());
  if (options.population || !allocation || allocation->this_node.empty()) return {};
  std::vector<control::HostSlots> hosts;
  for (const runtime::SlurmNode& node : allocation->nodes) hosts.push_back({node.name, node.num_cpus});
  return hosts;
}

bool is_here(const std::string& host) {
  const char* node = std::getenv("SLURMD_NODENAME");
  return control::is_this_machine(host) || (node != nullptr && host == node);
}

/// Commands at once on each worker: as the option says, or their share of the host's slots.
unsigned slots_of(const WorkerCommandOptions& options, const std::vector<control::HostSlots>& hosts) {
  const unsigned num_host_slots = hosts.empty() ? 1 : hosts.front().num_slots;
  return options.num_slots.value_or(std::max(1U, num_host_slots / std::max(1U, options.population.value_or(1))));
}

runtime::JoinPath path_of(const WorkerCommandOptions& options) {
  runtime::JoinPath path;
  path.is_own = options.join == runtime::kOwnChannel;
  if (path.is_own) return path;
  std::error_code error;
  if (options.join.find('/') != std::string::npos || fs::is_directory(options.join, error)) {
    const auto colon = options.join.find(':');
    const bool is_remote = colon != std::string::npos && options.join.find('/') > colon;
    if (!is_remote) path.run_dir = fs::absolute(options.join).lexically_normal().string();
  }
  path.relay = path.run_dir.empty() ? relay_command(options.join, support::own_program()) : relay_to_job(path.run_dir);
  return path;
}

runtime::JoinPlan plan_of(const WorkerCommandOptions& options, const std::vector<control::HostSlots>& hosts,
                          const Program* program) {
  runtime::JoinPlan plan;
  if (program != nullptr) {
    plan.args_before = program->args_before;
    plan.args_after = program->args_after;
  }
  plan.program = support::own_program();
  plan.target = options.join;
  plan.path = path_of(options);
  if (!plan.path.run_dir.empty()) plan.is_run_finished = [dir = plan.path.run_dir] { return is_finished(dir); };
  plan.population = options.population.value_or(1);
  plan.slots_per_worker = slots_of(options, hosts);
  plan.is_in_slurm_job = std::getenv("SLURM_JOB_ID") != nullptr;
  plan.rank_options = isolation_arguments(options.isolation);
  plan.drover_version = version();
  plan.mpi_version = transport::mpi_version();
  plan.host = control::host_name();
  plan.patience = options.patience;
  plan.say = say;
  return plan;
}

/// A call of `drover worker` that says the same of one host, or none.
std::vector<std::string> worker_command(const WorkerCommandOptions& options, const std::string& join,
                                        const std::string& host, unsigned num_slots, const Program* program) {
  std::vector<std::string> command = own_command(program);
  command.insert(command.end(), {"worker", "--join", join, "--population",
                                 std::to_string(options.population.value_or(1)), "--slots", std::to_string(num_slots)});
  if (!host.empty()) command.insert(command.end(), {"--hosts", host});
  if (!host.empty()) command.insert(command.end(), {"--patience", support::exact_duration(options.patience)});
  if (!host.empty() && options.rejoin) command.emplace_back("--rejoin");
  const std::vector<std::string> isolation = isolation_arguments(options.isolation);
  command.insert(command.end(), isolation.begin(), isolation.end());
  if (program != nullptr) command.insert(command.end(), program->args_after.begin(), program->args_after.end());
  return command;
}

/// A group on another host.
runtime::JoinEnd carry(const WorkerCommandOptions& options, const std::vector<control::HostSlots>& hosts,
                       const Program* program) {
  const std::string& host = hosts.front().host;
  const std::vector<std::string> there =
      worker_command(options, runtime::kOwnChannel, "", slots_of(options, hosts), program);
  std::string reason;
  const int status = runtime::carry({path_of(options), runtime::command_on(host, there, runtime::kProbeLimit)}, reason);
  runtime::JoinEnd end;
  if (status == 0) return end;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kInternalFailure;
  const bool is_lost = code == runtime::kGroupLost || code == runtime::kNoMasterMet || code == runtime::kGroupFailed;
  end.how = is_lost                        ? runtime::JoinEnd::How::lost
            : code == runtime::kRunStopped ? runtime::JoinEnd::How::run_stopped
                                           : runtime::JoinEnd::How::refused;
  end.has_joined = code == runtime::kGroupLost;
  end.has_met_master = code != runtime::kNoMasterMet;
  end.reason = "the group of " + host + " has ended (" + runtime::describe_wait_status(status) + ")";
  const std::string run_dir = path_of(options).run_dir;
  if (!end.has_met_master && !run_dir.empty() && is_finished(run_dir))
    return {runtime::JoinEnd::How::left, runtime::kRunIsFinished, false, false};
  if (!end.has_met_master)
    end.reason = "no master answered at '" + options.join + "'" + (reason.empty() ? "" : ": " + reason);
  return end;
}

/// One group a host: each is to be lost alone.
int run_on_each(const WorkerCommandOptions& options, const std::vector<control::HostSlots>& hosts,
                const Program* program) {
  std::vector<std::vector<std::string>> commands;
  for (const control::HostSlots& host : hosts)
    commands.push_back(worker_command(options, options.join, host.host, slots_of(options, {host}), program));
  const std::vector<int> statuses = runtime::run_side_by_side(commands);
  return std::all_of(statuses.begin(), statuses.end(), [](int status) { return status == 0; }) ? 0 : kInternalFailure;
}

/// What the one who started this process is told of a group that is lost.
int status_of_loss(const WorkerCommandOptions& options, const runtime::JoinEnd& end) {
  if (options.join != runtime::kOwnChannel) return kInternalFailure;
  if (!end.has_met_master) return runtime::kNoMasterMet;
  return end.has_joined ? runtime::kGroupLost : runtime::kGroupFailed;
}

}  // namespace

CLI::App* declare_worker_command(CLI::App& app, WorkerCommandOptions& options) {
  CLI::App* worker = app.add_subcommand("worker", "Join a running master with a group of workers");
  worker->add_option("--join", options.join, "The run: its directory, or [USER@]HOST[:RUN_DIR] by ssh")
      ->required()
      ->envname("DROVER_JOIN_RUN")
      ->type_name("RUN|HOST");
  worker->add_option("-n,--population", options.population, "Worker ranks on each host")
      ->default_str("1; and in a Slurm job, on each of its nodes")
      ->check(CLI::Range(1U, kMostPopulation));
  declare_isolation(*worker, options.isolation);
  worker->add_option("--slots", options.num_slots, "Commands at once on each worker rank")
      ->default_str("a share of the host's slots, in a Slurm job of the node's CPUs; else 1")
      ->check(CLI::Range(1U, kMostPopulation));
  worker
      ->add_option("--hosts", options.hosts,
                   "Where to start them, a group each with so many slots, as a:8,b:8; default: on this machine, or on\n"
                   "the nodes of the Slurm job")
      ->type_name("HOSTS");
  worker
      ->add_option_function<std::string>(
          "--patience", [&options](const std::string& text) { options.patience = support::parse_duration(text); },
          "How long to wait for a master that does not answer yet")
      ->default_str(support::format_duration(options.patience))
      ->type_name("DURATION");
  worker->add_flag("--rejoin", options.rejoin,
                   "When the master or the group is lost, or the run stops with work left, join again, or the next\n"
                   "master");
  worker
      ->add_option_function<std::string>(
          "--log-level",
          [&options](const std::string& text) {
            (void)parse_log_level(text);
            options.log_level = text;
          },
          "What its ranks say when they fail: info, warn (default) or error")
      ->type_name("LEVEL");
  worker->footer("Every option --name can also be given as DROVER_NAME in the environment; --join as DROVER_JOIN_RUN.");
  return worker;
}

int run_worker_command(const WorkerCommandOptions& options, const Program* program) {
  if (!options.log_level.empty() && ::setenv(kLogLevelVariable, options.log_level.c_str(), 1) < 0)
    throw system_error("cannot set the environment", errno);
  ::signal(SIGPIPE, SIG_IGN);  // whoever listened to this process may have gone before it
  const std::vector<control::HostSlots> hosts = hosts_of(options);
  if (hosts.size() > 1) return run_on_each(options, hosts, program);
  const bool is_elsewhere = !hosts.empty() && !is_here(hosts.front().host);
  core::Time begun = runtime::now();
  for (int num_failures = 0;;) {
    const runtime::JoinEnd end =  // the master may have moved
        is_elsewhere ? carry(options, hosts, program) : runtime::join(plan_of(options, hosts, program));
    const bool may_come = is_elsewhere && !end.has_met_master && runtime::now() - begun < options.patience;
    num_failures = end.has_joined ? 0 : num_failures + 1;
    switch (end.how) {
      case runtime::JoinEnd::How::left:
        if (!end.reason.empty() || !is_elsewhere) say(end.reason.empty() ? "the group has left" : end.reason);
        return 0;
      case runtime::JoinEnd::How::stopped:
        return 0;
      case runtime::JoinEnd::How::run_stopped:
        if (options.join == runtime::kOwnChannel) return runtime::kRunStopped;
        if (!options.rejoin) {
          say("the run has stopped with work left, and the group has left");
          return 0;
        }
        say("the run has stopped with work left: waiting for a master that goes on with it");
        num_failures = 0;
        begun = runtime::now();
        std::this_thread::sleep_for(kRejoinPause);
        break;
      case runtime::JoinEnd::How::refused:
        say(end.reason);
        return kInternalFailure;
      case runtime::JoinEnd::How::lost:
        say(end.reason);
        if (!may_come && (!options.rejoin || num_failures >= kMostFailures)) return status_of_loss(options, end);
        std::this_thread::sleep_for(kRejoinPause);
        break;
    }
  }
}

CLI::App* declare_relay_command(CLI::App& app, RelayCommandOptions& options) {
  CLI::App* relay = app.add_subcommand("relay", "Connect standard input and output to the control channel of a run");
  relay->add_option("run", options.run, "Run directory")->envname("DROVER_RUN_DIR")->required()->type_name("RUN");
  return relay;
}

int run_relay_command(const RelayCommandOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  control::Connected connected = control::connect_to(options.run);
  if (!connected.socket && is_finished(options.run)) {
    const control::reply::Refused refused{control::ErrorCode::run_over, runtime::kRunIsFinished, ""};
    std::fputs(control::encode(control::ReplyLine{0, false, refused}).c_str(), stdout);
    return 0;
  }
  if (!connected.socket) throw system_error("no master answers in '" + options.run + "'", connected.error);
  return runtime::pump(STDIN_FILENO, STDOUT_FILENO, connected.socket.get()) == 0 ? 0 : kInternalFailure;
}

}  // namespace drover::cli
