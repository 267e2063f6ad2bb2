#include "drover/cli/farm_start.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "drover/cli/auto_alloc.hpp"
#include "drover/cli/resume_command.hpp"
#include "drover/cli/version.hpp"
#include "drover/control/control_socket.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/host_probe.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/mpirun_check.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/runtime/start_check.hpp"
#include "drover/runtime/supervisor.hpp"
#include "drover/support/error.hpp"
#include "drover/support/own_program.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace {

using runtime::SlurmAllocation;

/// All others wait for it, and it has answered before.
constexpr core::Duration kOfferedHostLimit = std::chrono::seconds(4);

/// Beyond the time that commands have to end: for what is left to be recorded and printed.
constexpr core::Duration kEndMargin = std::chrono::seconds(10);

/// `drover run <(generate)`: the ranks do not inherit the descriptor, but can open it by way of this process.
std::string reachable(const std::string& word) {
  for (const std::string prefix : {"/dev/fd/", "/proc/self/fd/"})
    if (word.starts_with(prefix) && word.find_first_not_of("0123456789", prefix.size()) == std::string::npos)
      return "/proc/" + std::to_string(::getpid()) + "/fd/" + word.substr(prefix.size());
  return word;
}

/// The arguments for the ranks: those that may be files are named so that they can be opened there.
std::vector<std::string> arguments_for_ranks(const std::vector<std::string>& args) {
  std::vector<std::string> words;
  bool may_be_file = true;
  for (const std::string& word : args) {
    if (word == ":::" || word == "::::") may_be_file = word == "::::";
    words.push_back(may_be_file ? reachable(word) : word);
  }
  return words;
}

/// Where an option that the caller did not give can be put: behind the subcommand, or among a program's
/// own arguments before those that are not for drover.
std::vector<std::string>::iterator place_for_option(const RunInvocation& invocation, std::vector<std::string>& args) {
  return invocation.program != nullptr ? std::find(args.begin(), args.end(), "--") : args.begin() + 1;
}

std::vector<std::string> with_option(const RunInvocation& invocation, std::vector<std::string> args,
                                     const std::string& name, const std::string& value) {
  args.insert(place_for_option(invocation, args), {name, value});
  return args;
}
std::vector<std::string> with_option(const RunInvocation& invocation, std::vector<std::string> args,
                                     const std::string& name, unsigned value) {
  return with_option(invocation, std::move(args), name, std::to_string(value));
}

/// The hosts that were asked for, this machine first: the master is where its supervisor is. It has no
/// workers if it was not named.
std::vector<control::HostSlots> named_hosts(const RunOptions& options) {
  std::vector<control::HostSlots> hosts =
      options.hostfile.empty() ? control::parse_host_slots(options.hosts) : control::read_hostfile(options.hostfile);
  const auto here =
      std::find_if(hosts.begin(), hosts.end(), [](const auto& host) { return control::is_this_machine(host.host); });
  if (here == hosts.end())
    hosts.insert(hosts.begin(), {control::host_name(), 0});
  else
    std::rotate(hosts.begin(), here, here + 1);
  return hosts;
}

/// Those of the job's nodes that can be used now; that of this process surely can.
std::vector<control::HostSlots> hosts_of(const SlurmAllocation& allocation) {
  std::vector<control::HostSlots> hosts;
  for (const runtime::SlurmNode& node : usable_nodes(allocation)) hosts.push_back({node.name, node.num_cpus});
  if (hosts.empty() || hosts.front().host != allocation.this_node)
    hosts.insert(hosts.begin(), {allocation.this_node, allocation.nodes.front().num_cpus});
  return hosts;
}

class FarmStart {
 public:
  FarmStart(const RunInvocation& invocation, std::optional<SlurmAllocation> allocation);

  /// The command line for a first start.
  [[nodiscard]] runtime::MpirunCommand start();
  /// For one that goes on with a run.
  [[nodiscard]] runtime::MpirunCommand resume(const std::string& run_dir, const runtime::HostChanges& changes);

 private:
  [[nodiscard]] runtime::MpirunCommand command(const std::vector<std::string>& args, bool has_slots);
  [[nodiscard]] std::vector<control::HostSlots> others_of(const std::vector<control::HostSlots>& hosts) const;
  [[nodiscard]] std::vector<control::HostSlots> hosts() const;
  [[nodiscard]] std::vector<control::HostSlots> answering(std::vector<control::HostSlots> hosts) const;
  [[nodiscard]] std::vector<runtime::HostFault> faults_of(const std::vector<std::string>& hosts,
                                                          core::Duration limit) const;
  [[nodiscard]] unsigned num_local_workers() const;
  void append_offered(std::vector<runtime::HostLaunch>& hosts, const std::vector<std::string>& args);
  [[nodiscard]] runtime::HostLaunch launch_on(const control::HostSlots& host, const std::vector<std::string>& args,
                                              bool has_slots) const;
  void say_what_is_taken(const std::vector<control::HostSlots>& hosts) const;

  const RunInvocation& invocation_;
  const RunOptions& options_ = invocation_.options;
  std::optional<SlurmAllocation> allocation_;
  std::vector<runtime::OfferedHost> offered_;  ///< hosts that came later, by themselves
  std::vector<control::HostSlots> asked_;      ///< that have joined because somebody asked for them
  std::set<std::string> left_;                 ///< of all hosts, those that are not to come again
};

FarmStart::FarmStart(const RunInvocation& invocation, std::optional<SlurmAllocation> allocation)
    : invocation_(invocation), allocation_(std::move(allocation)) {}

runtime::MpirunCommand FarmStart::start() {
  const bool has_slots = are_slots_in_args(invocation_) || !(invocation_.resumed || are_slots_given(invocation_));
  std::vector<std::string> args = arguments_for_ranks(invocation_.args);
  // One decision for all ranks, whatever another run makes of the directory meanwhile.
  if (invocation_.options.continues && !invocation_.resumed)
    args.insert(place_for_option(invocation_, args), kBegunHereOption);
  return command(args, has_slots);
}

runtime::MpirunCommand FarmStart::resume(const std::string& run_dir, const runtime::HostChanges& changes) {
  std::erase_if(offered_, [&](const runtime::OfferedHost& offered) {
    const auto comes_again = [&](const runtime::OfferedHost& host) { return host.host == offered.host; };
    return std::find(changes.gone.begin(), changes.gone.end(), offered.host) != changes.gone.end() ||
           std::any_of(changes.come.begin(), changes.come.end(), comes_again);
  });
  offered_.insert(offered_.end(), changes.come.begin(), changes.come.end());
  for (const control::HostSlots& host : changes.asked) {
    std::erase_if(asked_, [&host](const control::HostSlots& other) { return other.host == host.host; });
    asked_.push_back(host);
    left_.erase(host.host);
  }
  left_.insert(changes.left.begin(), changes.left.end());
  std::vector<std::string> args{"--resume", run_dir, kRolloverOption};
  if (invocation_.program != nullptr) {
    args.insert(args.end(), invocation_.program->args_after.begin(), invocation_.program->args_after.end());
  } else {
    args.insert(args.begin(), "run");
    if (!invocation_.resumed) args.emplace_back(kSameStdinOption);
  }
  return command(args, false);
}

/// `has_slots`: the arguments, or else the default, say how many slots a worker has. What else said it, a worker may be
/// unable to read.
runtime::MpirunCommand FarmStart::command(const std::vector<std::string>& args, bool has_slots) {
  runtime::FarmLaunch launch;
  launch.program = support::own_program();
  launch.is_open_mpi_5 = transport::is_open_mpi_5();
  launch.is_in_slurm_job = allocation_.has_value();
  const std::vector<control::HostSlots> hosts = this->hosts();
  if (hosts.empty()) {
    launch.num_workers = num_local_workers();
    launch.args = has_slots ? args : with_option(invocation_, args, "--slots", options_.num_slots);
  } else if (launch.is_open_mpi_5) {
    for (const control::HostSlots& host : hosts) launch.hosts.push_back(launch_on(host, args, has_slots));
  } else {
    runtime::HostLaunch here = launch_on(hosts.front(), args, has_slots);
    launch.num_workers = here.num_workers;
    launch.args = std::move(here.args);
  }
  const std::vector<control::HostSlots> others = others_of(hosts);
  if (!launch.is_open_mpi_5 && !others.empty())
    launch.args = with_option(invocation_, launch.args, kOtherHostsOption, control::format_host_slots(others));
  append_offered(launch.hosts, has_slots ? args : with_option(invocation_, args, "--slots", options_.num_slots));
  if (allocation_ && !options_.is_silent()) say_what_is_taken(hosts);
  return runtime::mpirun_command(launch);
}

/// Those that the master is to ask for groups, at once: none keeps another waiting.
std::vector<control::HostSlots> FarmStart::others_of(const std::vector<control::HostSlots>& hosts) const {
  std::vector<control::HostSlots> others;
  for (const std::vector<control::HostSlots>* list : {&hosts, &asked_})
    for (const control::HostSlots& host : *list) {
      const auto is_same = [&host](const control::HostSlots& other) { return other.host == host.host; };
      const bool is_own = list == &hosts && &host == &hosts.front();
      if (!is_own && !left_.contains(host.host) && std::none_of(others.begin(), others.end(), is_same))
        others.push_back(host);
    }
  return others;
}

std::vector<control::HostSlots> FarmStart::hosts() const {
  if (!options_.hosts.empty() || !options_.hostfile.empty()) {
    std::vector<control::HostSlots> hosts = named_hosts(options_);
    return transport::is_open_mpi_5() ? answering(std::move(hosts)) : hosts;
  }
  return allocation_ ? hosts_of(*allocation_) : std::vector<control::HostSlots>{};
}

/// Open MPI 5: those of them where workers can be started now: mpirun would start none at all if it could not start
/// all.
std::vector<control::HostSlots> FarmStart::answering(std::vector<control::HostSlots> hosts) const {
  if (std::getenv("SLURM_JOB_ID") != nullptr) return hosts;  // where mpirun goes by srun
  std::vector<std::string> names;
  for (const control::HostSlots& host : hosts) names.push_back(host.host);
  const std::vector<runtime::HostFault> faults = faults_of(names, runtime::kProbeLimit);
  for (const runtime::HostFault& fault : faults)
    std::erase_if(hosts, [&](const control::HostSlots& host) { return host.host == fault.host; });
  const auto has_slots = [](const control::HostSlots& host) { return host.num_slots > 0; };
  if (std::none_of(hosts.begin(), hosts.end(), has_slots))
    throw Error("none of the hosts can be used: " + describe(faults));
  for (const runtime::HostFault& fault : faults)
    std::fprintf(stderr, "drover: %s: going on without it\n", fault.what.c_str());
  return hosts;
}

std::vector<runtime::HostFault> FarmStart::faults_of(const std::vector<std::string>& hosts,
                                                     core::Duration limit) const {
  return runtime::faults_of({hosts, own_command(invocation_.program), version(), limit, runtime::now()});
}

/// One that does not answer soon is forgotten: it offers itself again.
void FarmStart::append_offered(std::vector<runtime::HostLaunch>& hosts, const std::vector<std::string>& args) {
  std::vector<std::string> names;
  for (const runtime::OfferedHost& host : offered_) names.push_back(host.host);
  for (const runtime::HostFault& fault : faults_of(names, kOfferedHostLimit)) {
    std::erase_if(offered_, [&](const runtime::OfferedHost& host) { return host.host == fault.host; });
    std::fprintf(stderr, "drover: %s: going on without it\n", fault.what.c_str());
  }
  if (offered_.empty()) return;
  if (hosts.empty()) hosts.push_back({control::host_name(), num_local_workers(), args});
  for (const runtime::OfferedHost& host : offered_) hosts.push_back({host.host, host.population, args});
}

unsigned FarmStart::num_local_workers() const {
  return options_.num_workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
}

/// One rank a host drives all its slots, unless somebody wants more of them.
runtime::HostLaunch FarmStart::launch_on(const control::HostSlots& host, const std::vector<std::string>& args,
                                         bool has_slots) const {
  const unsigned num_workers = host.num_slots == 0 ? 0 : options_.num_workers.value_or(1);
  const unsigned num_slots = std::max(1U, host.num_slots / std::max(1U, num_workers));
  if (!are_slots_given(invocation_))
    return {host.host, num_workers, with_option(invocation_, args, kHostSlotsOption, num_slots)};
  return {host.host, num_workers, has_slots ? args : with_option(invocation_, args, "--slots", options_.num_slots)};
}

void FarmStart::say_what_is_taken(const std::vector<control::HostSlots>& hosts) const {
  unsigned num_cpus = 0;
  for (const control::HostSlots& host : hosts) num_cpus += host.num_slots;
  const auto plural = [](std::size_t num, const std::string& noun) {
    return std::to_string(num) + " " + noun + (num == 1 ? "" : "s");
  };
  std::string text = "Slurm job " + allocation_->job_id + ": " + plural(hosts.size(), "node") + " of " +
                     allocation_->node_list + ", " + plural(num_cpus, "CPU") + " in all";
  if (!allocation_->memory.empty()) text += ", " + allocation_->memory;
  if (!allocation_->gpus.empty()) text += ", GPU " + allocation_->gpus;
  text += "; on each node " + plural(options_.num_workers.value_or(1), "worker") + " with " +
          (are_slots_given(invocation_) ? plural(options_.num_slots, "slot") : std::string("a slot for each CPU"));
  if (allocation_->num_components > 1)
    text += "; the job has " + plural(allocation_->num_components, "component") +
            ", of which this is the first: how to use the others, see 'Heterogeneous jobs' in slurm/README.md";
  std::fprintf(stderr, "drover: %s\n", text.c_str());
}

/// A shell that is on no node of its job cannot be where the ranks are: the first node can.
[[noreturn]] void become_step(const SlurmAllocation& allocation, const std::vector<std::string>& args) {
  std::vector<std::string> command{"srun",    "--overlap", "--mpi=none", "--disable-status",
                                   "--quiet", "--nodes=1", "--ntasks=1", "--nodelist=" + allocation.nodes.front().name};
  if (runtime::binds_steps()) command.emplace_back("--cpu-bind=none");
  if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) command.emplace_back("--pty");
  std::vector<std::string> own{support::own_program()};
  own.insert(own.end(), args.begin(), args.end());
  const std::vector<std::string> sealed = runtime::sealed_words(own);
  command.insert(command.end(), sealed.begin(), sealed.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  throw system_error("this shell is on no node of Slurm job " + allocation.job_id + ", and srun cannot be started",
                     errno);
}

}  // namespace

int run_supervised(const RunInvocation& invocation) {
  if (const std::string obstacle = runtime::start_obstacle(); !obstacle.empty()) throw Error(obstacle);
  if (const std::string obstacle = runtime::mpirun_obstacle(); !obstacle.empty()) throw Error(obstacle);
  const runtime::Environment environment = runtime::process_environment();
  if (const std::string obstacle = runtime::srun_obstacle(environment); !obstacle.empty()) throw Error(obstacle);
  const bool has_hosts = !invocation.options.hosts.empty() || !invocation.options.hostfile.empty();
  std::optional<SlurmAllocation> allocation;
  if (!has_hosts) allocation = runtime::slurm_allocation(environment);
  if (allocation && allocation->this_node.empty()) become_step(*allocation, invocation.args);

  FarmStart farm(invocation, std::move(allocation));
  runtime::SupervisorPlan plan;
  plan.start = farm.start();
  plan.resume = [&farm](const std::string& run_dir, const runtime::HostChanges& changes) {
    return farm.resume(run_dir, changes);
  };
  plan.resume_command = [&invocation](const std::string& run_dir) {
    return resume_command("--resume", run_dir, false, invocation.program);
  };
  plan.has_meeting_point = !transport::is_open_mpi_5();
  plan.stop_limit = invocation.options.kill_after + kEndMargin;
  plan.max_rollovers = invocation.options.max_rollovers;
  plan.say = [](const std::string& line) { std::fprintf(stderr, "drover: %s\n", line.c_str()); };
  const runtime::SupervisorResult result = runtime::supervise(std::move(plan));
  if (!result.failure.empty()) std::fprintf(stderr, "drover: %s\n", result.failure.c_str());
  if (!result.left_run_dir.empty()) cancel_left_jobs(result.left_run_dir);
  return result.exit_status;
}

}  // namespace drover::cli
