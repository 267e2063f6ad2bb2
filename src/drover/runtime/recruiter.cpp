#include "drover/runtime/recruiter.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "drover/control/control_socket.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/runtime/host_agent.hpp"
#include "drover/runtime/joiner.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;
using control::WayIn;
using control::request::ScaleAdd;

/// Open MPI 4.1 hangs when it spawns right after a group has been let go of, and may still count its slots.
constexpr core::Duration kSpawnPause = 1s;
/// Groups in a row that announced themselves and were not connected in time.
constexpr int kMostLateJoins = 2;
/// How long a launch may take to end once it has hung up.
constexpr core::Duration kLastWords = 5s;
/// How often launches that have no news are looked at.
constexpr core::Duration kLongestPoll = 1s;

std::vector<std::string> names(const std::vector<control::HostSlots>& hosts) {
  std::vector<std::string> names;
  for (const control::HostSlots& host : hosts) names.push_back(host.host);
  return names;
}

/// What answers like drover on a host.
std::vector<std::string> drover_command(const RecruiterOptions& options) {
  std::vector<std::string> command{options.program};
  command.insert(command.end(), options.args_before.begin(), options.args_before.end());
  return command;
}

/// What a reason in one line leaves out; empty: nothing.
std::string details(const std::string& said) {
  return lines_of(said).size() > 1 ? said : "";
}

/// Commands that each of so many workers executes at once, when together they have so many slots.
std::uint32_t share_of(std::uint32_t num_slots, std::uint32_t num_workers) {
  return std::max(1U, num_slots / std::max(1U, num_workers));
}

}  // namespace

Recruiter::Recruiter(RecruiterOptions options) : options_(std::move(options)) {}

Recruiter::~Recruiter() = default;

// --- what is asked for ------------------------------------------------------------------------

std::vector<RecruitId> Recruiter::ask(const ScaleAdd& request, core::Time now) {
  if (request.hosts.empty() && request.population == 0)
    throw UsageError("a group needs a population of at least 1, or hosts with slots");
  const core::GroupSource source = choose_source(request);
  std::vector<RecruitId> ids;
  for (ScaleAdd& share : shares(request, source)) ids.push_back(add(std::move(share), source, now));
  return ids;
}

/// One launcher, and so one group and one unit of loss, a host. What is spawned is a part of this MPI job wherever it
/// is: there, hosts of which workers have as many slots are one group.
std::vector<ScaleAdd> Recruiter::shares(const ScaleAdd& request, core::GroupSource source) const {
  std::vector<ScaleAdd> shares;
  const std::uint32_t num_workers = std::max(1U, request.population);
  for (const control::HostSlots& host : request.hosts) {
    ScaleAdd share = request;
    share.hosts = {host};
    share.population = num_workers;
    if (share.slots_per_worker == 0) share.slots_per_worker = share_of(host.num_slots, num_workers);
    const auto same = std::find_if(shares.begin(), shares.end(), [&share](const ScaleAdd& other) {
      return other.slots_per_worker == share.slots_per_worker;
    });
    if (source == core::GroupSource::join || same == shares.end()) {
      shares.push_back(std::move(share));
    } else {
      same->hosts.push_back(host);
      same->population += num_workers;
    }
  }
  if (request.hosts.empty()) {
    shares.push_back(request);
    if (request.slots_per_worker == 0) shares.back().slots_per_worker = options_.slots_per_worker;
  }
  return shares;
}

/// A group that joins is a job of its own, whose loss nothing else feels; where that is impossible, the master spawns
/// it.
core::GroupSource Recruiter::choose_source(const ScaleAdd& request) const {
  const std::string obstacle = transport::join_obstacle();
  if (request.via == WayIn::join && !obstacle.empty()) throw UsageError("no group can join this run: " + obstacle);
  if (request.via == WayIn::spawn && obstacle.empty() && !request.hosts.empty())
    throw UsageError(
        "the MPI job of this run is on one host, and groups of other hosts join it: leave out --via spawn");
  if (request.via == WayIn::spawn) return core::GroupSource::spawn;
  return obstacle.empty() ? core::GroupSource::join : core::GroupSource::spawn;
}

RecruitId Recruiter::add(ScaleAdd request, core::GroupSource source, core::Time now) {
  const RecruitId id(++num_ever_);
  Recruit& recruit = recruits_[id];
  recruit.request = std::move(request);
  recruit.source = source;
  recruit.state = Waiting{};
  if (recruit.request.hosts.empty()) return id;
  if (source == core::GroupSource::join) {
    out_.emplace_back(recruit::Note{id, "starting workers on " + control::format_host_slots(recruit.request.hosts)});
    return id;
  }
  recruit.state = Probing{HostProbe(names(recruit.request.hosts), drover_command(options_), options_.drover_version,
                                    options_.probe_limit, now)};
  out_.emplace_back(recruit::Note{id, "probing " + control::format_host_slots(recruit.request.hosts)});
  return id;
}

RecruitId Recruiter::announce(const JoinOffer& offer, std::optional<RecruitId> launched, core::Time now) {
  if (const std::string obstacle = transport::join_obstacle(); !obstacle.empty())
    throw UsageError("no group can join this run: " + obstacle);
  const bool is_ours = launched && recruits_.contains(*launched);
  const RecruitId id = is_ours ? *launched : RecruitId(++num_ever_);
  Recruit& recruit = recruits_[id];
  if (!is_ours) recruit.request.hosts = {{offer.host, offer.population * offer.slots_per_worker}};
  recruit.request.population = offer.population;
  recruit.source = core::GroupSource::join;
  recruit.request.via = WayIn::join;
  if (join_obstacle_().empty())
    accept(id, recruit, now);
  else
    recruit.state = Waiting{};  // and is told why it cannot be
  return id;
}

/// Of a launch of ours, the last words are still to come.
void Recruiter::withdraw(RecruitId id, core::Time now) {
  const auto found = recruits_.find(id);
  if (found == recruits_.end()) return;
  if (std::holds_alternative<Arriving>(found->second.state)) ++num_given_up_;
  const bool is_ours =
      std::any_of(launches_.begin(), launches_.end(), [id](const Launch& launch) { return launch.id == id; });
  if (is_ours) {
    found->second.state = Launched{};
    found->second.deadline = now + kLastWords;
  } else {
    recruits_.erase(found);
  }
}

// --- how it goes on ---------------------------------------------------------------------------

std::vector<Recruitment> Recruiter::poll(core::Time now) {
  poll_launches();
  for (auto& [id, recruit] : recruits_) {
    if (std::find(over_.begin(), over_.end(), id) != over_.end()) continue;
    try {
      advance(id, recruit, now);
    } catch (const Error& e) {
      fail(id, e.what());
    }
  }
  for (const RecruitId id : std::exchange(over_, {})) recruits_.erase(id);
  return std::exchange(out_, {});
}

void Recruiter::advance(RecruitId id, Recruit& recruit, core::Time now) {
  if (auto* probing = std::get_if<Probing>(&recruit.state)) {
    const std::optional<std::vector<HostFault>> faults = probing->probe.poll(now);
    if (!faults) return;
    if (!faults->empty()) return fail(id, describe(*faults));
    recruit.state = Waiting{};
  }
  if (std::holds_alternative<Waiting>(recruit.state)) return start(id, recruit, now);
  if (auto* arriving = std::get_if<Arriving>(&recruit.state)) {
    std::optional<transport::GroupLink> link = arriving->arrival.take();
    if (link) {
      out_.emplace_back(recruit::Arrived{id, recruit.source, control::format_host_slots(recruit.request.hosts),
                                         launched_on(id), std::move(*link)});
      over_.push_back(id);
      num_late_joins_ = 0;
      return;
    }
  }
  if (now < recruit.deadline) return;
  // An ompi-server that died, or a join cut off in the middle, is in the way of every later one.
  const bool is_late_join =
      recruit.source == core::GroupSource::join && std::holds_alternative<Arriving>(recruit.state);
  if (is_late_join && ++num_late_joins_ == kMostLateJoins)
    rollover_reason_ = "groups that were started do not get connected to this MPI job any more";
  if (std::holds_alternative<Arriving>(recruit.state)) ++num_given_up_;
  if (recruit.source == core::GroupSource::spawn)
    forbid_spawn("MPI is stuck in the spawn of an earlier group; groups can still join, or stop the run and resume it");
  const std::string where =
      recruit.request.hosts.empty() ? "" : " of " + control::format_host_slots(recruit.request.hosts);
  fail(id, "the group" + where + " was not connected within " + support::format_duration(options_.arrival_limit));
}

/// One at a time: a spawn that fails must not be another's fault.
void Recruiter::start(RecruitId id, Recruit& recruit, core::Time now) {
  // A spawn would wait for it too: by it MPI's processes find each other wherever their mpirun knows of one.
  if (const std::string obstacle = join_obstacle_(); !obstacle.empty()) {
    rollover_reason_ = "a group is to come, and none can come to this MPI job";
    return fail(id, "no group can come to this MPI job: " + obstacle);
  }
  if (recruit.source == core::GroupSource::join) return launch(id, recruit, now);
  if (!spawn_obstacle_.empty()) {
    rollover_reason_ = "a group is to be spawned, and this MPI job can spawn none";
    return fail(id, "nothing can be spawned: " + spawn_obstacle_);
  }
  if (is_connecting() || (released_at_ && now < *released_at_ + kSpawnPause)) return;
  spawn(recruit, now);
}

void Recruiter::spawn(Recruit& recruit, core::Time now) {
  transport::SpawnRequest request;
  request.population = static_cast<int>(recruit.request.population);
  request.program = options_.program;
  request.args = program_args({"worker-rank", "--slots", std::to_string(recruit.request.slots_per_worker)});
  // As many slots as ranks: a host that had more would get those of the others.
  for (const control::HostSlots& host : recruit.request.hosts)
    request.hosts.push_back(host.host + ":" +
                            std::to_string(recruit.request.population / recruit.request.hosts.size()));
  request.are_hosts_new = !request.hosts.empty();
  recruit.deadline = now + options_.arrival_limit;
  recruit.state = Arriving{nullptr, transport::spawn_group(std::move(request))};
}

std::vector<std::string> Recruiter::program_args(std::vector<std::string> args) const {
  args.insert(args.begin(), options_.args_before.begin(), options_.args_before.end());
  args.insert(args.end(), options_.rank_options.begin(), options_.rank_options.end());
  args.insert(args.end(), options_.args_after.begin(), options_.args_after.end());
  return args;
}

void Recruiter::launch(RecruitId id, Recruit& recruit, core::Time now) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) < 0)
    throw system_error("cannot open a channel to a group", errno);
  support::UniqueFd ours(ends[0]);
  const support::UniqueFd theirs(ends[1]);
  ::fcntl(theirs.get(), F_SETFL, 0);  // programs do not expect otherwise
  const std::vector<control::HostSlots>& hosts = recruit.request.hosts;
  const std::string host = hosts.empty() ? control::host_name() : hosts.front().host;
  ChildProcess::Options child;
  child.command =
      program_args({"worker", "--join", kOwnChannel, "--population", std::to_string(recruit.request.population),
                    "--slots", std::to_string(recruit.request.slots_per_worker)});
  child.command.insert(child.command.begin(), options_.program);
  if (!control::is_this_machine(host)) child.command = command_on(host, child.command, options_.probe_limit);
  child.unset = launcher_variables();
  child.channel = theirs.get();
  launches_.push_back({id, host, ChildProcess(child)});
  out_.emplace_back(recruit::Launched{id, std::move(ours)});
  recruit.deadline = now + options_.arrival_limit;
  recruit.state = Launched{};
}

void Recruiter::accept(RecruitId id, Recruit& recruit, core::Time now) {
  auto port = std::make_unique<transport::ListeningPort>();
  transport::GroupArrival arrival = transport::accept_group(port->name());
  out_.emplace_back(recruit::Accepting{id, port->name()});
  recruit.deadline = now + options_.arrival_limit;
  recruit.state = Arriving{std::move(port), std::move(arrival)};
}

void Recruiter::poll_launches() {
  for (Launch& launch : launches_) {
    launch.process.poll();
    if (launch.process.has_ended() && recruits_.contains(launch.id)) fail(launch);
  }
  std::erase_if(launches_, [](const Launch& launch) { return launch.process.has_ended(); });
}

std::optional<control::HostSlots> Recruiter::launched_on(RecruitId id) const {
  const auto launch =
      std::find_if(launches_.begin(), launches_.end(), [id](const Launch& other) { return other.id == id; });
  if (launch == launches_.end() || control::is_this_machine(launch->host)) return std::nullopt;
  const ScaleAdd& request = recruits_.at(id).request;
  return control::HostSlots{launch->host, request.population * request.slots_per_worker};
}

void Recruiter::fail(const Launch& launch) {
  if (std::holds_alternative<Arriving>(recruits_.at(launch.id).state)) ++num_given_up_;
  const std::string& said = launch.process.output();
  const std::string reason = explain_end(launch.host, options_.program, launch.process.wait_status(), said);
  out_.emplace_back(recruit::Failed{launch.id, reason, details(said)});
  over_.push_back(launch.id);
}

/// What was started for it ends with its launch.
void Recruiter::fail(RecruitId id, const std::string& reason) {
  const auto launch =
      std::find_if(launches_.begin(), launches_.end(), [id](const Launch& other) { return other.id == id; });
  out_.emplace_back(recruit::Failed{id, reason, launch != launches_.end() ? details(launch->process.output()) : ""});
  over_.push_back(id);
  if (launch != launches_.end()) launches_.erase(launch);
}

bool Recruiter::is_connecting() const {
  return std::any_of(recruits_.begin(), recruits_.end(), [](const auto& entry) {
    return entry.second.source == core::GroupSource::spawn && std::holds_alternative<Arriving>(entry.second.state);
  });
}

// --- waiting ----------------------------------------------------------------------------------

std::vector<int> Recruiter::fds() const {
  std::vector<int> fds;
  const auto append = [&fds](const std::vector<int>& more) { fds.insert(fds.end(), more.begin(), more.end()); };
  for (const auto& [id, recruit] : recruits_) {
    if (const auto* probing = std::get_if<Probing>(&recruit.state)) append(probing->probe.fds());
    if (const auto* arriving = std::get_if<Arriving>(&recruit.state)) fds.push_back(arriving->arrival.fd());
  }
  for (const Launch& launch : launches_) append(launch.process.fds());
  return fds;
}

std::optional<core::Time> Recruiter::next_deadline(core::Time now) const {
  if (!out_.empty()) return now;
  if (recruits_.empty()) return std::nullopt;
  return now + kLongestPoll;
}

}  // namespace drover::runtime
