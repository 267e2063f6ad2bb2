#include "drover/runtime/recruiter.hpp"

#include <algorithm>
#include <utility>

#include "drover/control/host_slots.hpp"
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
/// How often launches that have no news are looked at.
constexpr core::Duration kLongestPoll = 1s;

std::uint32_t population_of(const ScaleAdd& request) {
  if (request.population > 0) return request.population;
  std::uint32_t sum = 0;
  for (const control::HostSlots& host : request.hosts) sum += host.num_slots;
  return sum;
}

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

std::string last_lines(const std::string& output) {
  constexpr std::size_t kMost = 400;
  return output.empty() ? "" : ": " + output.substr(output.size() > kMost ? output.size() - kMost : 0);
}

}  // namespace

Recruiter::Recruiter(RecruiterOptions options) : options_(std::move(options)) {}

Recruiter::~Recruiter() = default;

// --- what is asked for ------------------------------------------------------------------------

std::vector<RecruitId> Recruiter::ask(const ScaleAdd& request, core::Time now) {
  const std::uint32_t population = population_of(request);
  if (population == 0) throw UsageError("a group needs a population of at least 1, or hosts with slots");
  const core::GroupSource source = choose_source(request);
  std::vector<RecruitId> ids;
  if (source == core::GroupSource::spawn || request.hosts.size() < 2) {
    ids.push_back(add(request, source, now));
    return ids;
  }
  // One launcher, and so one group and one unit of loss, a host.
  std::uint32_t left = population;
  for (const control::HostSlots& host : request.hosts) {
    ScaleAdd one = request;
    one.hosts = {host};
    one.population = std::min(left, host.num_slots);
    left -= one.population;
    if (one.population > 0) ids.push_back(add(std::move(one), source, now));
  }
  return ids;
}

/// A group that joins is a job of its own, whose loss nothing else feels; where that is impossible, or
/// the group is on this machine, the master spawns it.
core::GroupSource Recruiter::choose_source(const ScaleAdd& request) const {
  const std::string obstacle = transport::join_obstacle();
  if (request.via == WayIn::spawn) return core::GroupSource::spawn;
  if (request.via == WayIn::join && !obstacle.empty()) throw UsageError("no group can join this run: " + obstacle);
  return obstacle.empty() ? core::GroupSource::join : core::GroupSource::spawn;
}

RecruitId Recruiter::add(ScaleAdd request, core::GroupSource source, core::Time now) {
  const RecruitId id(++num_ever_);
  Recruit& recruit = recruits_[id];
  recruit.request = std::move(request);
  recruit.request.population = population_of(recruit.request);
  recruit.source = source;
  recruit.state = Waiting{};
  if (recruit.request.hosts.empty()) return id;
  recruit.deadline = now + options_.probe_limit;
  recruit.state = Probing{HostProbe(names(recruit.request.hosts), drover_command(options_), options_.drover_version,
                                    options_.probe_limit, now)};
  out_.emplace_back(recruit::Note{id, "probing " + control::format_host_slots(recruit.request.hosts)});
  return id;
}

RecruitId Recruiter::announce(const JoinOffer& offer, core::Time now) {
  const auto launch =
      std::find_if(launches_.begin(), launches_.end(), [&](const Launch& l) { return l.process.pid() == offer.pid; });
  const bool is_ours = launch != launches_.end() && recruits_.contains(launch->id);
  const RecruitId id = is_ours ? launch->id : RecruitId(++num_ever_);
  Recruit& recruit = recruits_[id];
  if (!is_ours) recruit.request.hosts = {{offer.host, offer.population}};
  recruit.request.population = offer.population;
  recruit.source = core::GroupSource::join;
  recruit.state = Waiting{};
  recruit.request.via = WayIn::join;
  accept(id, recruit, now);
  return id;
}

void Recruiter::withdraw(RecruitId id) {
  const auto found = recruits_.find(id);
  if (found == recruits_.end()) return;
  if (std::holds_alternative<Arriving>(found->second.state)) ++num_given_up_;
  recruits_.erase(found);
  std::erase_if(launches_, [&](const Launch& launch) { return launch.id == id; });
}

// --- how it goes on ---------------------------------------------------------------------------

std::vector<Recruitment> Recruiter::poll(core::Time now) {
  poll_launches();
  for (auto& [id, recruit] : recruits_) {
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
      out_.emplace_back(
          recruit::Arrived{id, recruit.source, control::format_host_slots(recruit.request.hosts), std::move(*link)});
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
  fail(id, "the group was not connected within " + support::format_duration(options_.arrival_limit));
}

/// One at a time: a spawn that fails must not be another's fault.
void Recruiter::start(RecruitId id, Recruit& recruit, core::Time now) {
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
  request.args = program_args({"worker-rank", "--slots", slots_argument(recruit.request)});
  for (const control::HostSlots& host : recruit.request.hosts)
    request.hosts.push_back(host.host + ":" + std::to_string(host.num_slots));
  request.are_hosts_new = !request.hosts.empty();
  recruit.deadline = now + options_.arrival_limit;
  recruit.state = Arriving{nullptr, transport::spawn_group(std::move(request))};
}

std::string Recruiter::slots_argument(const control::request::ScaleAdd& request) const {
  return std::to_string(request.slots_per_worker > 0 ? request.slots_per_worker : options_.slots_per_worker);
}

std::vector<std::string> Recruiter::program_args(std::vector<std::string> args) const {
  args.insert(args.begin(), options_.args_before.begin(), options_.args_before.end());
  args.insert(args.end(), options_.rank_options.begin(), options_.rank_options.end());
  args.insert(args.end(), options_.args_after.begin(), options_.args_after.end());
  return args;
}

void Recruiter::launch(RecruitId id, Recruit& recruit, core::Time now) {
  ChildProcess::Options child;
  std::vector<std::string> args{"worker", "--join", options_.run_dir, "--population",
                                std::to_string(recruit.request.population)};
  if (!recruit.request.hosts.empty()) {
    args.emplace_back("--hosts");
    args.push_back(control::format_host_slots(recruit.request.hosts));
  }
  args.emplace_back("--slots");
  args.push_back(slots_argument(recruit.request));
  child.command = program_args(std::move(args));
  child.command.insert(child.command.begin(), options_.program);
  child.unset = launcher_variables();
  recruit.deadline = now + options_.arrival_limit;
  recruit.state = Launched{};
  launches_.push_back({id, ChildProcess(child)});
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
    if (launch.process.has_ended() && recruits_.contains(launch.id))
      fail(launch.id, "its launcher ended (" + describe_wait_status(launch.process.wait_status()) + ")" +
                          last_lines(launch.process.output()));
  }
  std::erase_if(launches_, [](const Launch& launch) { return launch.process.has_ended(); });
}

void Recruiter::fail(RecruitId id, const std::string& reason) {
  out_.emplace_back(recruit::Failed{id, reason});
  over_.push_back(id);
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
