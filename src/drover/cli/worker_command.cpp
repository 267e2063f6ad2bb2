#include "drover/cli/worker_command.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
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
#include "drover/journal/run_directory.hpp"
#include "drover/runtime/host_probe.hpp"
#include "drover/runtime/joiner.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/own_program.hpp"
#include "drover/support/shell_quote.hpp"

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
  if (runtime::is_ssh(command)) command.emplace_back("--");
  command.push_back(parts.host);
  std::string remote = support::shell_quote(program) + " relay";
  if (parts.has_rest) remote += " -- " + quoted_for_login(parts.rest);
  command.push_back(remote);
  return command;
}

/// Where the run's master is on another node, in a Slurm job: the command that reaches a relay there. Empty:
/// it is on this one, or nobody knows.
std::vector<std::string> relay_to_job(const runtime::JoinPlan& plan) {
  const std::optional<control::MasterPlace> place = control::read_master_place(plan.run_dir);
  std::string job;
  if (!place || place->host == control::host_name()) return {};
  if (!(std::ifstream(journal::RunDirectory::open(plan.run_dir).slurm_job()) >> job)) return {};
  std::vector<std::string> command = runtime::srun_into_job(job, place->host, runtime::process_environment());
  command.insert(command.end(), {plan.program, "relay", plan.run_dir});
  return command;
}

/// In a Slurm job of its own, a group is all of it: a worker on each node.
void take_allocation(runtime::JoinPlan& plan, const WorkerCommandOptions& options) {
  const auto allocation = runtime::slurm_allocation(runtime::process_environment());
  if (!allocation || allocation->this_node.empty()) return;
  plan.is_in_slurm_job = true;
  plan.population = static_cast<std::uint32_t>(allocation->nodes.size());
  unsigned least_cpus = allocation->nodes.front().num_cpus;
  for (const runtime::SlurmNode& node : allocation->nodes) {
    plan.hosts.push_back({node.name, 1});
    least_cpus = std::min(least_cpus, node.num_cpus);
  }
  plan.slots_per_worker = options.num_slots.value_or(least_cpus);
}

/// One that cannot be read may be about to go on.
bool is_over(const std::string& run_dir) {
  try {
    return read_run(journal::RunDirectory::open(run_dir)).state == "finished";
  } catch (const Error&) {
    return false;
  }
}

runtime::JoinPlan plan_of(const WorkerCommandOptions& options, const Program* program, bool was_part) {
  runtime::JoinPlan plan;
  plan.was_part = was_part;
  if (program != nullptr) {
    plan.args_before = program->args_before;
    plan.args_after = program->args_after;
  }
  plan.program = support::own_program();
  plan.target = options.join;
  std::error_code error;
  if (options.join.find('/') != std::string::npos || fs::is_directory(options.join, error)) {
    const auto colon = options.join.find(':');
    const bool is_remote = colon != std::string::npos && options.join.find('/') > colon;
    if (!is_remote) plan.run_dir = fs::absolute(options.join).lexically_normal().string();
  }
  if (!plan.run_dir.empty()) plan.is_run_over = [run_dir = plan.run_dir] { return is_over(run_dir); };
  plan.relay = plan.run_dir.empty() ? relay_command(options.join, plan.program) : relay_to_job(plan);
  plan.population = options.population.value_or(1);
  plan.slots_per_worker = options.num_slots.value_or(1);
  plan.rank_options = isolation_arguments(options.isolation);
  if (!options.hosts.empty())
    plan.hosts = control::parse_host_slots(options.hosts);
  else if (!options.population)
    take_allocation(plan, options);
  plan.drover_version = version();
  plan.host = control::host_name();
  plan.patience = options.patience;
  plan.say = say;
  return plan;
}

/// Copies what one side says to the other; false at its end.
bool copy(int from, int to) {
  std::array<char, 65536> buffer{};
  const ssize_t num = ::read(from, buffer.data(), buffer.size());
  if (num < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t done = 0; done < num;) {
    const ssize_t written = ::write(to, buffer.data() + done, static_cast<std::size_t>(num - done));
    if (written < 0 && errno == EAGAIN) {
      pollfd polled{to, POLLOUT, 0};
      ::poll(&polled, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return false;
    } else if (written > 0) {
      done += written;
    }
  }
  return num > 0;
}

}  // namespace

CLI::App* declare_worker_command(CLI::App& app, WorkerCommandOptions& options) {
  CLI::App* worker = app.add_subcommand("worker", "Join a running master with a group of workers");
  worker->add_option("--join", options.join, "The run: its directory, or [USER@]HOST[:RUN_DIR] by ssh")
      ->required()
      ->envname("DROVER_JOIN_RUN")
      ->type_name("RUN|HOST");
  worker->add_option("-n,--population", options.population, "Worker ranks of the group")
      ->default_str("1, or one on each node of a Slurm job")
      ->check(CLI::Range(1U, kMostPopulation));
  declare_isolation(*worker, options.isolation);
  worker->add_option("--slots", options.num_slots, "Commands at once on each worker rank")
      ->default_str("1, or the CPUs of each node of a Slurm job")
      ->check(CLI::Range(1U, kMostPopulation));
  worker
      ->add_option("--hosts", options.hosts,
                   "Where to start them, as a:8,b:8; default: on this machine, or on the nodes of the Slurm job")
      ->type_name("HOSTS");
  worker
      ->add_option_function<std::string>(
          "--patience", [&options](const std::string& text) { options.patience = support::parse_duration(text); },
          "How long to wait for a master that does not answer yet")
      ->default_str(support::format_duration(options.patience))
      ->type_name("DURATION");
  worker->add_flag("--rejoin", options.rejoin, "When the master or the group is lost, join again, or the next master");
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
  bool was_part = false;
  for (int num_failures = 0;;) {
    const runtime::JoinEnd end = runtime::join(plan_of(options, program, was_part));  // the master may have moved
    was_part = was_part || end.has_joined;
    num_failures = end.has_joined ? 0 : num_failures + 1;
    switch (end.how) {
      case runtime::JoinEnd::How::left:
        say("the group has left");
        return 0;
      case runtime::JoinEnd::How::stopped:
        return 0;
      case runtime::JoinEnd::How::refused:
        say(end.reason);
        return kInternalFailure;
      case runtime::JoinEnd::How::lost:
        say(end.reason);
        if (!options.rejoin || num_failures >= kMostFailures) return kInternalFailure;
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
  if (!connected.socket) throw system_error("no master answers in '" + options.run + "'", connected.error);
  const int socket = connected.socket.get();
  bool is_asking = true;  // and when all is asked, the answers are still to come
  while (true) {
    std::array<pollfd, 3> polled{
        {{is_asking ? STDIN_FILENO : -1, POLLIN, 0}, {socket, POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return kInternalFailure;
    if (polled[0].revents != 0 && !copy(STDIN_FILENO, socket)) {
      is_asking = false;
      ::shutdown(socket, SHUT_WR);
    }
    if (polled[1].revents != 0 && !copy(socket, STDOUT_FILENO)) return 0;
    if (polled[2].revents != 0) return 0;  // nobody reads them
  }
}

}  // namespace drover::cli
