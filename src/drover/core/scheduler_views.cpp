// What can be asked of a scheduler, and whether it is sound.

#include <algorithm>
#include <iterator>

#include "drover/core/scheduler.hpp"
#include "drover/support/duration.hpp"

namespace drover::core {

bool Scheduler::is_current(AttemptId attempt, WorkerId worker) const {
  return dispatched(attempt, worker) != nullptr;
}

const std::string& Scheduler::tag(TaskId task) const {
  const TaskSpec& spec = tasks_.at(task).spec;
  return spec.tag.empty() ? spec.payload : spec.tag;
}

Time Scheduler::next_deadline() const {
  Time deadline = now_ + policy_.lease / 4;
  if (!delayed_.empty()) deadline = std::min(deadline, delayed_.begin()->first);
  if (phase_ == Phase::closing) deadline = std::min(deadline, closing_deadline_);
  if (phase_ == Phase::running && time_end_) deadline = std::min(deadline, std::max(*time_end_, now_));
  if (phase_ == Phase::stopping && kill_at_ && !is_killing_) deadline = std::min(deadline, std::max(*kill_at_, now_));
  if (phase_ == Phase::running)
    if (const auto growth = growth_.next_deadline(ready_.size(), workers_.size() + num_pending_))
      deadline = std::min(deadline, std::max(*growth, now_));
  return deadline;
}

/// Enough that credits can be filled thrice over, so that the share of each stays fair, and not more.
std::size_t Scheduler::num_wanted_tasks() const {
  if (phase_ != Phase::running || is_input_ended_ || queued_bytes_ >= policy_.max_queued_bytes) return 0;
  const std::uint64_t credit = policy_.credit.per_slot(mean_runtime_, policy_.max_queued_tasks, 1);
  const std::uint64_t wanted =
      std::min(std::max<std::uint64_t>(3 * (num_slots_ + 1) * (credit + 1), 64), policy_.max_queued_tasks);
  const std::uint64_t queued = ready_.size() + delayed_.size();
  return queued < wanted ? wanted - queued : 0;
}

Duration Scheduler::work_ahead() const {
  const auto waits = [](const auto& entry) { return entry.second.num_waiting > 0; };
  if (std::any_of(workers_.begin(), workers_.end(), waits)) return Duration::zero();
  return support::times(mean_runtime_.value_or(Duration::zero()), credit_per_slot());
}

QueueShare Scheduler::queue_room() const {
  const auto below = [](std::uint64_t used, std::uint64_t most) { return most - std::min(used, most); };
  return {below(ready_.size() + delayed_.size(), policy_.max_queued_tasks),
          below(queued_bytes_, policy_.max_queued_bytes)};
}

bool Scheduler::has_queue_room() const {
  const QueueShare room = queue_room();
  return room.num_tasks > 0 && room.num_bytes > 0;
}

std::uint64_t Scheduler::num_busy_workers() const {
  return static_cast<std::uint64_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& entry) { return !entry.second.held.empty(); }));
}

std::vector<WorkerView> Scheduler::workers() const {
  std::vector<WorkerView> views;
  for (const auto& [id, worker] : workers_) {
    const auto is_executing = [this](const auto& held) {
      return std::get<Dispatched>(tasks_.at(held.second).state).started;
    };
    const auto num_executing = std::count_if(worker.held.begin(), worker.held.end(), is_executing);
    views.push_back({id, worker.group, worker.host, worker.num_slots, worker.held.size(),
                     static_cast<std::uint64_t>(num_executing), worker.draining, worker.last_heard});
  }
  return views;
}

std::vector<GroupView> Scheduler::groups() const {
  std::vector<GroupView> views;
  for (const auto& [id, group] : groups_)
    views.push_back({id, group.source, group.population, static_cast<std::uint32_t>(group.members.size()),
                     static_cast<std::uint32_t>(group.pending.size()), group.hosts});
  return views;
}

std::optional<TaskView> Scheduler::task(TaskId id) const {
  using State = TaskView::State;
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return std::nullopt;
  const Task& task = found->second;
  // Each state names what it is: none is what is left over.
  struct Visitor {
    const Scheduler& scheduler;
    Turn turn;
    const Task& task;

    [[nodiscard]] TaskView view(State state, std::uint64_t num_ahead, WorkerId worker,
                                std::optional<Time> until) const {
      return {state,
              num_ahead,
              worker,
              until,
              task.num_attempts,
              task.num_failures,
              task.num_worker_kills,
              task.is_cancelled};
    }
    TaskView operator()(const Unclaimed&) const { return view(State::unclaimed, 0, {}, std::nullopt); }
    TaskView operator()(const Delayed& delayed) const { return view(State::delayed, 0, {}, delayed.until); }
    TaskView operator()(const Ready&) const {
      const auto num_ahead = std::distance(scheduler.ready_.begin(), scheduler.ready_.find(turn));
      return view(State::ready, static_cast<std::uint64_t>(num_ahead), {}, std::nullopt);
    }
    TaskView operator()(const Dispatched& at) const {
      return view(at.started ? State::executing : State::dispatched, 0, at.worker, std::nullopt);
    }
  };
  return std::visit(Visitor{*this, turn_of(id, task), task}, task.state);
}

bool Scheduler::is_quarantined(const std::string& host) const {
  return quarantined_hosts_.contains(host);
}

bool Scheduler::has_idle_slots() const {
  if (!ready_.empty() || loads_.empty()) return false;
  const Worker& idlest = workers_.at(loads_.begin()->second);
  return idlest.load() < idlest.num_slots;
}

Counts Scheduler::counts() const {
  Counts counts = totals_;
  counts.ready = ready_.size();
  counts.delayed = delayed_.size();
  counts.dispatched = num_dispatched_;
  counts.executing = num_executing_;
  return counts;
}

std::string Scheduler::check_invariants() const {
  std::uint64_t executing = 0;
  std::uint64_t dispatched = 0;
  std::uint64_t unclaimed = 0;
  std::uint64_t bytes = 0;
  for (const auto& [id, task] : tasks_) {
    const std::string name = "task " + std::to_string(id.value);
    if (id.value > totals_.accepted) return name + " was never accepted";
    const bool is_ready = std::holds_alternative<Ready>(task.state);
    if (is_ready != ready_.contains(turn_of(id, task))) return name + " and the ready queue disagree";
    if (std::holds_alternative<Unclaimed>(task.state)) ++unclaimed;
    if (is_ready) bytes += task.spec.payload.size();
    if (const auto* state = std::get_if<Delayed>(&task.state); state && !delayed_.contains({state->until, id}))
      return name + " is delayed but not among the delayed";
    if (const auto* state = std::get_if<Dispatched>(&task.state)) {
      ++dispatched;
      if (state->started) ++executing;
      const auto worker = workers_.find(state->worker);
      if (worker == workers_.end()) return name + " is with a worker that is none";
      const auto held = worker->second.held.find(state->position);
      if (held == worker->second.held.end() || held->second != id) return name + " is not held by its worker";
    }
    if (task.num_worker_kills >= policy_.max_worker_kills) return name + " should be quarantined";
    if (task.num_failures > policy_.retry.max_retries + 1) return name + " was tried too often";
  }
  if (executing != num_executing_ || dispatched != num_dispatched_) return "counts of attempts are off";
  if (bytes != queued_bytes_) return "the count of queued bytes is off";
  if (totals_.accepted != totals_.ended() + tasks_.size()) return "accepted tasks are not ended or unfinished";
  if (unclaimed != num_unclaimed_) return "the count of unclaimed tasks is off";
  if (tasks_.size() != ready_.size() + delayed_.size() + dispatched + unclaimed) return "a task is in no state";
  std::uint64_t held = 0;
  std::uint64_t slots = 0;
  for (const auto& [id, worker] : workers_) {
    held += worker.held.size();
    std::uint64_t held_bytes = 0;
    for (const auto& [position, task] : worker.held) held_bytes += tasks_.at(task).spec.payload.size();
    if (held_bytes != worker.num_bytes) return "the count of bytes with worker " + std::to_string(id.value) + " is off";
    slots += worker.num_slots;
    if (worker.draining == loads_.contains(load_of(id, worker)))
      return "worker " + std::to_string(id.value) + " and the index of loads disagree";
    if (policy_.credit.fixed_per_slot &&
        worker.held.size() >
            std::uint64_t{worker.num_slots} * (1 + *policy_.credit.fixed_per_slot) + worker.most_waiting)
      return "worker " + std::to_string(id.value) + " holds more than its credit";
  }
  std::uint64_t pending = 0;
  std::uint64_t members = 0;
  for (const auto& [id, group] : groups_) {
    pending += group.pending.size();
    members += group.members.size();
    if (group.pending.empty() && group.members.empty()) return "group " + std::to_string(id.value) + " is empty";
    for (const WorkerId member : group.members)
      if (!workers_.contains(member) || workers_.at(member).group != id)
        return "group " + std::to_string(id.value) + " has a member that is not of it";
  }
  if (pending != num_pending_ || members != workers_.size()) return "groups and workers disagree";
  if (held != dispatched) return "workers hold what is not dispatched to them";
  if (slots != num_slots_) return "the count of slots is off";
  return "";
}

}  // namespace drover::core
