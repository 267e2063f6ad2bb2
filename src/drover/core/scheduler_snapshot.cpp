// From a snapshot to a scheduler, and back.

#include <algorithm>
#include <utility>

#include "drover/core/scheduler.hpp"

namespace drover::core {

Scheduler::Scheduler(Policy policy, Snapshot start)
    : policy_(std::move(policy)),
      growth_(policy_.scale),
      totals_at_start_(start.totals),
      totals_(start.totals),
      next_group_(start.next_group),
      next_worker_(start.next_worker),
      is_input_ended_(start.is_input_ended) {
  tasks_.reserve(start.unfinished.size());
  for (UnfinishedTask& unfinished : start.unfinished) {
    Task& task = tasks_[unfinished.id];
    task.owner = unfinished.owner;
    task.spec = std::move(unfinished.spec);
    task.num_attempts = unfinished.num_attempts;
    task.num_failures = unfinished.num_failures;
    task.num_worker_kills = unfinished.num_worker_kills;
    task.is_cancelled = unfinished.is_cancelled;
    if (unfinished.is_unclaimed) {
      task.state = Unclaimed{};
      ++num_unclaimed_;
    } else {
      enter_ready(unfinished.id, task);
    }
    if (task.is_cancelled) cancelled_at_start_.push_back(unfinished.id);
  }
}

Snapshot Scheduler::snapshot() const {
  Snapshot snapshot{totals_, {}, is_input_ended_, next_worker_, next_group_};
  snapshot.unfinished.reserve(tasks_.size());
  for (const auto& [id, task] : tasks_)
    snapshot.unfinished.push_back({id, task.owner, task.spec, task.num_attempts, task.num_failures,
                                   task.num_worker_kills, task.is_cancelled,
                                   std::holds_alternative<Unclaimed>(task.state)});
  std::sort(snapshot.unfinished.begin(), snapshot.unfinished.end(),
            [](const UnfinishedTask& a, const UnfinishedTask& b) { return a.id < b.id; });
  return snapshot;
}

}  // namespace drover::core
