#include "world.hpp"

#include <algorithm>

#include "payload.hpp"

namespace drover::simulation {

using core::Duration;
using core::Time;
using Kind = PlannedFault::Kind;
namespace event = core::event;

namespace {

/// A world that goes on for longer does not end.
constexpr std::uint64_t kMostSteps = 3'000'000;
/// New workers of a tended farm come from hosts that nobody has seen before.
constexpr std::uint32_t kFreshHost = 1000;

}  // namespace

World::World(const Plan& plan, const MindFactory& make_mind, Coverage& coverage, bool is_traced, Ledger* ledger)
    : plan_(plan),
      stage_(plan, is_traced, ledger),
      history_(plan, stage_.reality, coverage),
      master_(stage_, make_mind, history_, *this),
      coverage_(coverage) {}

Verdict World::run() {
  Verdict verdict;
  try {
    play();
  } catch (const std::exception& e) {
    stage_.trace.note("VIOLATION: ", e.what());
    verdict.violation = e.what();
  }
  verdict.num_steps = stage_.timeline.num_steps();
  verdict.trace = stage_.trace.lines();
  return verdict;
}

void World::play() {
  schedule();
  while (!is_over()) {
    require(!stage_.timeline.empty(), "nothing will ever happen again");
    stage_.timeline.step();
    if (master_.is_closed() && !closed_) closed_ = stage_.now();
    judge_progress();
  }
  history_.conclude(master_.scheduler().counts());
  judge_abandonment();
}

bool World::is_over() const {
  return master_.is_closed() &&
         std::none_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->is_alive(); });
}

/// After faults have ended, something must go on: facts, or an attempt whose end somebody waits for. When the last
/// such attempt has ended, word of that may still be on its way, or the lease of a worker that died of it may run.
void World::judge_progress() {
  const Time now = stage_.now();
  require(now < plan_.end_limit, "the work does not end");
  require(stage_.timeline.num_steps() < kMostSteps, "too much happens");
  if (history_.num_facts() != num_facts_seen_) {
    num_facts_seen_ = history_.num_facts();
    last_progress_ = now;
  }
  const auto is_idle = [this, now] { return now - std::max(last_progress_, plan_.quiet_from) >= plan_.patience; };
  if (!is_idle()) return;
  for (const auto& worker : workers_)
    if (history_.is_member(worker->id())) last_progress_ = std::max(last_progress_, worker->worked_until());
  require(!is_idle(), [this] {
    return master_.is_closed() ? "a worker does not end" : "nothing goes on, and the run does not end";
  });
}

/// Workers give up a master only if it was silent, or seemed so to them.
void World::judge_abandonment() const {
  if (!plan_.is_sound || plan_.has(Kind::pause) || plan_.has(Kind::spoken_pause) || plan_.growth.blocks) return;
  for (const auto& worker : workers_) {
    const Process& process = *stage_.reality.find(worker->id());
    if (process.state != Process::State::abandoned || process.is_cut || process.is_falsely_accused) continue;
    require(process.ended >= closed_, "a worker abandoned a master that talks to it");
  }
}

// --- what is to happen ------------------------------------------------------------------------

void World::schedule() {
  for (std::size_t i = 0; i < plan_.groups.size(); ++i) {
    const PlannedGroup& group = plan_.groups[i];
    const auto source = i == 0 ? core::GroupSource::world : core::GroupSource::join;
    if (i > 0 || !group.workers.empty())
      stage_.timeline.at(group.at, [this, source, &group] { master_.ask(ArrivingGroup{source, group.workers}); });
  }
  stage_.timeline.at(Time{}, [this] { master_.start(); });
  for (const PlannedFault& fault : plan_.faults) stage_.timeline.at(fault.at, [this, &fault] { strike(fault); });
  if (plan_.is_tended) stage_.timeline.at(plan_.faults_end, [this] { tend(); });
}

/// Looks after the farm: while there is work and no worker, some are brought in.
void World::tend() {
  if (master_.is_closed()) return;
  const bool is_empty = master_.scheduler().num_workers() == 0 && !master_.scheduler().expects_workers();
  if (is_empty && master_.scheduler().is_open()) bring_group(core::GroupSource::join, stage_.random.between(1U, 2U));
  stage_.timeline.after(plan_.policy.lease / 2, [this] { tend(); });
}

void World::bring_group(core::GroupSource source, std::uint32_t population) {
  ArrivingGroup group{source, {}};
  for (; population > 0; --population) {
    PlannedWorker worker;
    worker.num_slots = stage_.random.between(1U, 8U);
    worker.host = source == core::GroupSource::spawn ? 0 : kFreshHost + static_cast<std::uint32_t>(workers_.size());
    group.workers.push_back(worker);
  }
  master_.ask(std::move(group));
}

void World::admit(core::GroupId group, core::WorkerId first, const std::vector<PlannedWorker>& workers) {
  for (std::uint32_t i = 0; i < workers.size(); ++i) {
    const core::WorkerId id(first.value + i);
    workers_.push_back(std::make_unique<SimWorker>(stage_, id, group, workers[i]));
    SimWorker* worker = workers_.back().get();
    stage_.timeline.after(stage_.random.between({}, plan_.longest_delay), [worker] { worker->start(); });
  }
}

/// Those that came with the master die with it; those that joined see it go silent.
void World::mourn(Duration downtime) {
  for (; num_past_workers_ < workers_.size(); ++num_past_workers_) {
    SimWorker& worker = *workers_[num_past_workers_];
    if (stage_.random.chance(0.7)) worker.die();
    worker.cut();
    stage_.network.close(worker.id(), true);
  }
  stage_.timeline.after(downtime, [this] { bring_group(core::GroupSource::world, stage_.random.between(1U, 4U)); });
}

void World::grow(std::uint32_t population) {
  Random& random = stage_.random;
  if (stage_.now() < plan_.faults_end && random.chance(plan_.growth.is_lost)) {
    coverage_.count("growth never answered");
    return;
  }
  const bool fails = random.chance(plan_.growth.fails);
  const Duration length = random.between({}, plan_.growth.longest);
  if (plan_.growth.blocks) master_.pause(length, true);
  stage_.timeline.after(length, [this, fails, population] {
    if (fails)
      master_.ask(event::GrowthFailed{"no slots"});
    else
      bring_group(core::GroupSource::spawn, population);
  });
}

// --- faults -----------------------------------------------------------------------------------

void World::strike(const PlannedFault& fault) {
  if (master_.is_closed()) return;
  switch (fault.kind) {
    case Kind::kill:
    case Kind::kill_group:
    case Kind::freeze:
    case Kind::cut:
    case Kind::false_alarm:
      return strike_worker(fault);
    case Kind::crash:
      return master_.crash(fault.length);
    case Kind::pause:
      return master_.pause(fault.length, false);
    case Kind::spoken_pause:
      return master_.pause(fault.length, true);
    case Kind::drain:
    case Kind::drain_now:
    case Kind::drain_group:
    case Kind::hold:
    case Kind::stop:
    case Kind::stop_later:
    case Kind::stop_kill:
    case Kind::time_limit:
    case Kind::submit:
    case Kind::cancel:
      return request(fault);
  }
}

void World::strike_worker(const PlannedFault& fault) {
  SimWorker* worker = draw_worker();
  if (worker == nullptr) return;
  switch (fault.kind) {
    case Kind::kill_group:
      for (const auto& other : workers_)
        if (other->group() == worker->group()) other->die();
      return;
    case Kind::freeze:
      return worker->freeze(fault.length);
    case Kind::cut:
      return worker->cut();
    case Kind::false_alarm:
      stage_.reality.process(worker->id()).is_falsely_accused = true;
      if (!worker->is_cut()) stage_.network.tell_of(worker->id(), "seemed to be lost");
      return;
    default:
      return worker->die();
  }
}

void World::request(const PlannedFault& fault) {
  switch (fault.kind) {
    case Kind::drain:
    case Kind::drain_now: {
      const std::vector<core::WorkerId> members = history_.members();
      if (!members.empty())
        drain({members[stage_.random.between(0, members.size() - 1)]}, fault.kind == Kind::drain_now);
      return;
    }
    case Kind::drain_group: {
      const std::vector<core::GroupId> groups = history_.groups();
      if (!groups.empty())
        drain(history_.members_of(groups[stage_.random.between(0, groups.size() - 1)]), stage_.random.chance(0.3));
      return;
    }
    case Kind::hold:
      master_.ask(event::HoldChanged{true});
      stage_.timeline.after(fault.length, [this] { master_.ask(event::HoldChanged{false}); });
      return;
    case Kind::stop:
      return master_.ask(event::StopRequested{core::StopReason::requested, false, {}});
    case Kind::stop_later:
      return master_.ask(event::StopRequested{core::StopReason::rollover, false, stage_.now() + fault.length});
    case Kind::stop_kill:
      return master_.ask(event::StopRequested{core::StopReason::internal, true, {}});
    case Kind::time_limit:
      return master_.ask(event::TimeLimited{stage_.now() + fault.length});
    case Kind::submit:
      return master_.ask(event::TasksSubmitted{core::OwnerId(stage_.random.between(1U, 3U)), draw_submission()});
    case Kind::cancel:
      return master_.ask(event::CancelRequested{draw_cancellation()});
    default:
      return;
  }
}

void World::drain(std::vector<core::WorkerId> workers, bool now) {
  master_.ask(event::DrainRequested{std::move(workers), now});
}

SimWorker* World::draw_worker() {
  std::vector<SimWorker*> alive;
  for (const auto& worker : workers_)
    if (worker->is_alive()) alive.push_back(worker.get());
  return alive.empty() ? nullptr : alive[stage_.random.between(0, alive.size() - 1)];
}

std::vector<core::TaskSpec> World::draw_submission() {
  std::vector<core::TaskSpec> specs;
  for (std::uint32_t i = stage_.random.between(1U, 5U); i > 0; --i)
    specs.push_back(make_spec({Behaviour::succeeds, {}, 0}, 1'000'000 + num_submitted_++));
  return specs;
}

std::vector<core::TaskId> World::draw_cancellation() {
  const std::vector<core::TaskId> unfinished = history_.unfinished();
  std::vector<core::TaskId> tasks{core::TaskId(1'000'000'000)};  // nobody has heard of this one
  if (unfinished.empty()) return tasks;
  for (std::uint32_t i = stage_.random.between(1U, 5U); i > 0; --i)
    tasks.push_back(unfinished[stage_.random.between(0, unfinished.size() - 1)]);
  return tasks;
}

Verdict run_world(const Plan& plan, const MindFactory& make_mind, Coverage& coverage, bool is_traced, Ledger* ledger) {
  return World(plan, make_mind, coverage, is_traced, ledger).run();
}

}  // namespace drover::simulation
