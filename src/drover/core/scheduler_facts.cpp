// How facts become state, and the indexes that follow from it.

#include <algorithm>
#include <cassert>

#include "drover/core/scheduler.hpp"

namespace drover::core {

namespace {

/// Attempts a slot, times this, is a worker's load: an integer, so that order is exact.
constexpr std::uint64_t kLoadScale = 1 << 20;
/// Weight of the newest runtime in the moving mean, as a divisor.
constexpr Duration::rep kMeanWeight = 8;

}  // namespace

void Scheduler::apply_one(const fact::TaskAccepted& fact) {
  totals_.accepted = std::max(totals_.accepted, fact.task.value);
  Task& task = tasks_[fact.task];
  task.owner = fact.owner;
  task.spec = fact.spec;
  enter_ready(fact.task, task);
}

void Scheduler::apply_one(const fact::TaskClaimed& fact) {
  Task& task = tasks_.at(fact.task);
  if (!std::holds_alternative<Unclaimed>(task.state)) return;  // in a replay of what a master before us was asked
  leave_state(fact.task, task);
  task.owner = fact.owner;
  enter_ready(fact.task, task);
}

void Scheduler::apply_one(const fact::InputEnded&) {
  is_input_ended_ = true;
}

void Scheduler::apply_one(const fact::GroupFormed& fact) {
  Group& group = groups_[fact.group];
  group.source = fact.source;
  group.population = fact.population;
  group.hosts = fact.hosts;
  for (std::uint32_t i = 0; i < fact.population; ++i) group.pending.emplace(fact.first_worker.value + i);
  num_pending_ += fact.population;
  next_group_ = GroupId(fact.group.value + 1);
  next_worker_ = WorkerId(fact.first_worker.value + fact.population);
}

void Scheduler::apply_one(const fact::GroupEnded& fact) {
  groups_.erase(fact.group);
}

void Scheduler::apply_one(const fact::GrowthRequested&) {}

void Scheduler::apply_one(const fact::GrowthFailed&) {}

void Scheduler::apply_one(const fact::HostQuarantined& fact) {
  quarantined_hosts_.insert(fact.host);
}

void Scheduler::apply_one(const fact::WorkerJoined& fact) {
  Group& group = groups_.at(fact.group);
  num_pending_ -= group.pending.erase(fact.worker);
  group.members.insert(fact.worker);
  Worker& worker = workers_[fact.worker];
  worker.group = fact.group;
  worker.host = fact.host;
  worker.num_slots = fact.num_slots;
  worker.first_job_slot = fact.first_job_slot;
  worker.last_heard = now_;
  group.idle_since = now_;
  job_slots_[fact.first_job_slot] = fact.num_slots;
  num_slots_ += fact.num_slots;
  ++totals_.workers_joined;
  loads_.insert(load_of(fact.worker, worker));
}

void Scheduler::apply_one(const fact::WorkerEnded& fact) {
  if (fact.how == WorkerEnd::lost) ++totals_.workers_lost;
  const auto found = workers_.find(fact.worker);
  Group& group = groups_.at(found != workers_.end() ? found->second.group : group_awaiting(fact.worker).value());
  group.has_losses = group.has_losses || fact.how != WorkerEnd::drained;
  if (found == workers_.end()) {
    num_pending_ -= group.pending.erase(fact.worker);
    group.idle_since = now_;
    return;
  }
  group.members.erase(fact.worker);
  assert(found->second.held.empty());
  loads_.erase(load_of(fact.worker, found->second));
  job_slots_.erase(found->second.first_job_slot);
  num_slots_ -= found->second.num_slots;
  workers_.erase(found);
}

void Scheduler::apply_one(const fact::WorkerDraining& fact) {
  Worker& worker = workers_.at(fact.worker);
  loads_.erase(load_of(fact.worker, worker));
  worker.draining = true;
}

void Scheduler::apply_one(const fact::AttemptDispatched& fact) {
  Task& task = tasks_.at(fact.attempt.task);
  leave_state(fact.attempt.task, task);
  task.num_attempts = fact.attempt.n;
  task.state = Dispatched{fact.worker, next_position_, false};
  ++num_dispatched_;
  Worker& worker = workers_.at(fact.worker);
  hold(fact.worker, worker, fact.attempt.task);
}

void Scheduler::apply_one(const fact::AttemptStarted& fact) {
  std::get<Dispatched>(tasks_.at(fact.attempt.task).state).started = true;
  ++num_executing_;
}

void Scheduler::apply_one(const fact::AttemptEnded& fact) {
  Task& task = tasks_.at(fact.result.attempt.task);
  leave_state(fact.result.attempt.task, task);
  enter_ready(fact.result.attempt.task, task);
  if (!is_success(fact.result.outcome) && !std::holds_alternative<Killed>(fact.result.outcome)) ++task.num_failures;
  const Duration runtime = fact.result.runtime;
  mean_runtime_ = mean_runtime_ ? *mean_runtime_ + (runtime - *mean_runtime_) / kMeanWeight : runtime;
}

void Scheduler::apply_one(const fact::AttemptSuperseded&) {
  ++totals_.superseded;
}

void Scheduler::apply_one(const fact::AttemptHandedBack& fact) {
  Task& task = tasks_.at(fact.attempt.task);
  leave_state(fact.attempt.task, task);
  enter_ready(fact.attempt.task, task);
}

void Scheduler::apply_one(const fact::AttemptLost& fact) {
  Task& task = tasks_.at(fact.attempt.task);
  leave_state(fact.attempt.task, task);
  enter_ready(fact.attempt.task, task);
  ++totals_.lost_attempts;
  if (fact.charged) ++task.num_worker_kills;
}

void Scheduler::apply_one(const fact::TaskDelayed& fact) {
  Task& task = tasks_.at(fact.task);
  leave_state(fact.task, task);
  task.state = Delayed{fact.until};
  delayed_.emplace(fact.until, fact.task);
}

void Scheduler::apply_one(const fact::TaskCancelRequested& fact) {
  tasks_.at(fact.task).is_cancelled = true;
}

void Scheduler::apply_one(const fact::TaskEnded& fact) {
  leave_state(fact.task, tasks_.at(fact.task));
  tasks_.erase(fact.task);
  switch (fact.how) {
    case TaskEnd::succeeded:
      ++totals_.succeeded;
      break;
    case TaskEnd::failed:
      ++totals_.failed;
      break;
    case TaskEnd::timed_out:
      ++totals_.timed_out;
      break;
    case TaskEnd::cancelled:
      ++totals_.cancelled;
      break;
    case TaskEnd::quarantined:
      ++totals_.quarantined;
      break;
  }
}

void Scheduler::apply_one(const fact::DispatchStopped& fact) {
  if (!stop_reason_) stop_reason_ = fact.reason;
  is_killing_ = is_killing_ || fact.kill;
  phase_ = Phase::stopping;
}

// --- small parts ------------------------------------------------------------------------------

/// Takes a task out of whatever index its state put it in; a state is entered right after.
void Scheduler::leave_state(TaskId id, Task& task) {
  if (std::holds_alternative<Ready>(task.state)) {
    ready_.erase(turn_of(id, task));
    queued_bytes_ -= task.spec.payload.size();
  } else if (const auto* delayed = std::get_if<Delayed>(&task.state)) {
    delayed_.erase({delayed->until, id});
  } else if (std::holds_alternative<Unclaimed>(task.state)) {
    --num_unclaimed_;
  } else {
    const auto state = std::get<Dispatched>(task.state);
    if (state.started) --num_executing_;
    --num_dispatched_;
    release(state.worker, workers_.at(state.worker), state.position);
  }
}

void Scheduler::enter_ready(TaskId id, Task& task) {
  task.state = Ready{};
  ready_.insert(turn_of(id, task));
  queued_bytes_ += task.spec.payload.size();
}

void Scheduler::hold(WorkerId id, Worker& worker, TaskId task) {
  const bool is_open = loads_.erase(load_of(id, worker)) > 0;
  worker.held.emplace(next_position_++, task);
  worker.num_bytes += tasks_.at(task).spec.payload.size();
  groups_.at(worker.group).idle_since = now_;
  if (is_open) loads_.insert(load_of(id, worker));
}

void Scheduler::release(WorkerId id, Worker& worker, std::uint64_t position) {
  const bool is_open = loads_.erase(load_of(id, worker)) > 0;
  const auto held = worker.held.find(position);
  worker.num_bytes -= tasks_.at(held->second).spec.payload.size();
  worker.held.erase(held);
  groups_.at(worker.group).idle_since = now_;
  if (is_open) loads_.insert(load_of(id, worker));
}

void Scheduler::set_waiting(WorkerId id, Worker& worker, std::uint32_t num) {
  if (worker.num_waiting == num) return;
  const bool is_open = loads_.erase(load_of(id, worker)) > 0;
  worker.num_waiting = num;
  worker.most_waiting = std::max(worker.most_waiting, num);
  if (is_open) loads_.insert(load_of(id, worker));
}

Scheduler::Turn Scheduler::turn_of(TaskId id, const Task& task) {
  constexpr std::uint32_t kPriorityShift = 16;
  const std::uint32_t urgency = std::uint32_t{task.spec.priority} << kPriorityShift | task.spec.depth;
  return {~urgency, id};
}

Scheduler::Load Scheduler::load_of(WorkerId id, const Worker& worker) const {
  return {worker.load() * kLoadScale / worker.num_slots, id};
}

/// With a pause of the master ahead, what keeps a slot busy until it is over; not if credit is fixed.
std::uint32_t Scheduler::credit_per_slot() const {
  const std::uint32_t credit = policy_.credit.per_slot(mean_runtime_, ready_.size(), num_slots_);
  if (!pause_ahead_ || policy_.credit.fixed_per_slot) return credit;
  const Duration mean = std::max(mean_runtime_.value_or(*pause_ahead_), Duration(1));
  const auto wanted = static_cast<std::uint64_t>(*pause_ahead_ / mean) + 1;
  return std::max(credit, static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, policy_.credit.max_per_slot)));
}

Duration Scheduler::expected_runtime() const {
  return policy_.time_request.value_or(mean_runtime_.value_or(Duration::zero()));
}

std::optional<GroupId> Scheduler::group_awaiting(WorkerId worker) const {
  for (const auto& [id, group] : groups_)
    if (group.pending.contains(worker)) return id;
  return std::nullopt;
}

/// The lowest job slot with `num - 1` free ones behind it.
std::uint32_t Scheduler::free_job_slots(std::uint32_t num) const {
  std::uint32_t first = 1;
  for (const auto& [taken, count] : job_slots_) {
    if (taken >= first + num) break;
    first = taken + count;
  }
  return first;
}

const Scheduler::Dispatched* Scheduler::dispatched(AttemptId attempt, WorkerId worker) const {
  const auto found = tasks_.find(attempt.task);
  if (found == tasks_.end() || found->second.num_attempts != attempt.n) return nullptr;
  const auto* state = std::get_if<Dispatched>(&found->second.state);
  return state != nullptr && state->worker == worker ? state : nullptr;
}

std::vector<AttemptId> Scheduler::held_attempts(const Worker& worker, bool started_too) const {
  std::vector<AttemptId> attempts;
  for (const auto& [position, id] : worker.held) {
    const Task& task = tasks_.at(id);
    if (started_too || !std::get<Dispatched>(task.state).started) attempts.push_back({id, task.num_attempts});
  }
  return attempts;
}

}  // namespace drover::core
