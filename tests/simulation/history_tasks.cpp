// What becomes of tasks and their attempts, and whether it may.

#include <algorithm>

#include "history.hpp"

namespace drover::simulation {

using core::AttemptId;
using core::TaskEnd;
using core::TaskId;
namespace fact = core::fact;

void History::judge(const fact::TaskAccepted& fact) {
  require(!due_.specs.empty(), "nobody submitted that");
  require(fact.task.value == tasks_.size() + 1, "numbers of tasks are not consecutive");
  require(fact.spec == due_.specs.back() && fact.owner == due_.owner, "not what was submitted");
  due_.specs.pop_back();
  Task& task = tasks_[fact.task];
  task.owner = fact.owner;
  task.spec = fact.spec;
  waiting_.insert(fact.task);
  ++counts_.accepted;
}

void History::judge(const fact::TaskClaimed&) {
  require(false, "no program is there to claim a task");
}

void History::judge(const fact::InputEnded&) {
  require(due_.input_ended && !is_input_ended_, "the input has not ended now");
  is_input_ended_ = true;
}

void History::judge(const fact::AttemptDispatched& fact) {
  require(!stop_ && !leave_until_, "dispatched in a run that is stopped");
  require(!is_held_, "dispatched while on hold");
  const auto found = tasks_.find(fact.attempt.task);
  require(found != tasks_.end() && !found->second.end, "there is no such task");
  Task& task = found->second;
  require(!task.worker, "the task is with a worker already");
  require(!task.is_cancelled, "the task is cancelled");
  require(fact.attempt.n == task.num_attempts + 1, "numbers of attempts are not consecutive");
  require(task.not_before <= now_, "the pause before the retry is not over");
  for (const TaskId earlier : waiting_) {
    if (earlier == fact.attempt.task) break;
    require(tasks_.at(earlier).not_before > now_, "an earlier task is ready");
  }
  Member& worker = member(fact.worker);
  require(!worker.is_draining, "the worker is draining");
  const std::size_t room = worker.num_slots;
  if (policy().credit.fixed_per_slot)
    require(worker.held.size() < room * (1 + *policy().credit.fixed_per_slot), "the worker has no credit left");
  if (worker.held.size() >= room)
    for (const auto& [id, other] : members_)
      require(other.is_draining || other.held.size() >= other.num_slots, "another worker has a free slot");
  if (time_end_) require(now_ < *time_end_, "the run's time is over");
  worker.held.push_back(fact.attempt);
  groups_.at(worker.group).idle_since = now_;
  waiting_.erase(fact.attempt.task);
  task.worker = fact.worker;
  task.num_attempts = fact.attempt.n;
  task.is_started = false;
  task.was_lost = false;
  task.last_outcome.reset();
  ++num_dispatched_;
  due_.to_send.insert(fact.attempt);
}

History::Task& History::current(AttemptId attempt) {
  const auto found = tasks_.find(attempt.task);
  require(found != tasks_.end() && found->second.num_attempts == attempt.n && found->second.worker.has_value(),
          "that attempt is not the current one");
  return found->second;
}

void History::judge(const fact::AttemptStarted& fact) {
  Task& task = current(fact.attempt);
  require(!task.is_started, "it was started before");
  require(due_.report != nullptr && due_.report->worker == *task.worker, "the worker did not say so");
  const Execution* execution = reality_->find(fact.attempt);
  require(execution != nullptr && execution->worker == *task.worker, "it was never executed there");
  task.is_started = true;
}

/// An attempt is no longer with its worker.
History::Task& History::take_back(AttemptId attempt) {
  Task& task = current(attempt);
  std::vector<AttemptId>& held = member(*task.worker).held;
  held.erase(std::find(held.begin(), held.end(), attempt));
  groups_.at(member(*task.worker).group).idle_since = now_;
  task.worker.reset();
  waiting_.insert(attempt.task);
  --num_dispatched_;
  due_.to_discard.insert(attempt);
  return task;
}

void History::judge(const fact::AttemptEnded& fact) {
  const AttemptId attempt = fact.result.attempt;
  require(current(attempt).worker == fact.worker, "the attempt is with another worker");
  require(due_.report != nullptr && due_.num_results > 0, "nobody reported a result");
  --due_.num_results;
  const Execution* execution = reality_->find(attempt);
  require(execution != nullptr && execution->worker == fact.worker, "it was never executed there");
  require(execution->outcome == fact.result.outcome, "it ended in another way");
  require(current(attempt).is_started, "nobody said that it began");
  Task& task = take_back(attempt);
  task.last_outcome = fact.result.outcome;
  const bool is_killed = std::holds_alternative<core::Killed>(fact.result.outcome);
  if (is_killed)
    require((stop_ && stop_->kill) || task.is_cancelled || drained_now_.contains(fact.worker),
            "nothing was to kill it");
  if (is_success(fact.result.outcome)) {
    due_.to_deliver.insert(attempt.task);
    host_losses_.erase(member(fact.worker).host);
  } else if (!is_killed) {
    ++task.num_failures;
    if (!task.is_cancelled && task.num_failures > policy().retry.max_retries) due_.to_deliver.insert(attempt.task);
  }
}

void History::judge(const fact::AttemptSuperseded& fact) {
  require(due_.report != nullptr && due_.num_results > 0 && due_.report->worker == fact.worker, "nobody reported it");
  --due_.num_results;
  const auto found = tasks_.find(fact.attempt.task);
  require(found != tasks_.end(), "there is no such task");
  const bool is_current = found->second.num_attempts == fact.attempt.n && found->second.worker == fact.worker;
  require(!is_current, "it is the current attempt");
  const Execution* execution = reality_->find(fact.attempt);
  require(execution != nullptr && execution->worker == fact.worker && execution->outcome,
          "it was never executed there");
  ++counts_.superseded;
  count("superseded results");
}

void History::judge(const fact::AttemptHandedBack& fact) {
  require(due_.report != nullptr && current(fact.attempt).worker == due_.report->worker, "its worker did not say so");
  require(!current(fact.attempt).is_started && reality_->find(fact.attempt) == nullptr, "it was executed");
  take_back(fact.attempt);
  count("attempts handed back");
}

void History::judge(const fact::AttemptLost& fact) {
  require(current(fact.attempt).worker == fact.worker, "the attempt is with another worker");
  member(fact.worker).losses.push_back({fact.attempt, current(fact.attempt).is_started, fact.charged});
  Task& task = take_back(fact.attempt);
  task.was_lost = true;
  ++counts_.lost_attempts;
  if (!fact.charged) return;
  ++task.num_charges;
  count("attempts charged");
  require(task.num_charges <= policy().max_worker_kills, "charged more often than it takes to be quarantined");
  if (task.num_charges == policy().max_worker_kills) due_.to_deliver.insert(fact.attempt.task);
}

void History::judge(const fact::TaskDelayed& fact) {
  Task& task = tasks_.at(fact.task);
  require(!task.worker && task.last_outcome && !is_success(*task.last_outcome), "no attempt has failed");
  core::Duration pause = policy().retry.first_delay;
  for (std::uint32_t i = 1; i < task.num_failures; ++i) pause = std::min(pause * 2, policy().retry.longest_delay);
  require(fact.until == now_ + std::min(pause, policy().retry.longest_delay), "not the pause that the policy has");
  task.not_before = fact.until;
  count("retries");
}

void History::judge(const fact::TaskCancelRequested& fact) {
  require(due_.cancels.erase(fact.task) == 1, "nobody asked for it");
  Task& task = tasks_.at(fact.task);
  task.is_cancelled = true;
  if (task.worker) due_.to_kill.insert({fact.task, task.num_attempts});
}

void History::judge(const fact::TaskEnded& fact) {
  const auto found = tasks_.find(fact.task);
  require(found != tasks_.end(), "there is no such task");
  Task& task = found->second;
  require(!task.end, "it has its terminal record");
  require(!task.worker, "a worker has it");
  require(task.owner == fact.owner, "it belongs to another owner");
  require_verdict(fact.task, task, fact.how);
  task.end = fact.how;
  waiting_.erase(fact.task);
  due_.to_deliver.insert(fact.task);
  switch (fact.how) {
    case TaskEnd::succeeded:
      ++counts_.succeeded;
      break;
    case TaskEnd::failed:
      ++counts_.failed;
      break;
    case TaskEnd::timed_out:
      ++counts_.timed_out;
      break;
    case TaskEnd::cancelled:
      ++counts_.cancelled;
      break;
    case TaskEnd::quarantined:
      ++counts_.quarantined;
      break;
  }
  count(core::to_string(fact.how).data());
}

/// Whether what is known of the task's last attempt makes this its end.
void History::require_verdict(TaskId id, const Task& task, TaskEnd how) const {
  const AttemptId attempt{id, task.num_attempts};
  const bool has_outcome = task.last_outcome.has_value();
  const bool is_timeout = has_outcome && std::holds_alternative<core::TimedOut>(*task.last_outcome);
  const bool is_killed = has_outcome && std::holds_alternative<core::Killed>(*task.last_outcome);
  switch (how) {
    case TaskEnd::succeeded:
      require(has_outcome && is_success(*task.last_outcome), "its last attempt did not succeed");
      require(is_success(*reality_->find(attempt)->outcome), "it did not really succeed");
      return;
    case TaskEnd::failed:
    case TaskEnd::timed_out:
      require(has_outcome && !is_success(*task.last_outcome) && !is_killed, "its last attempt did not fail");
      require(is_timeout == (how == TaskEnd::timed_out), "a time-out or not?");
      require(task.num_failures == policy().retry.max_retries + 1, "not all attempts were made");
      return;
    case TaskEnd::cancelled:
      require(task.is_cancelled, "nobody asked for it");
      require(!has_outcome || !is_success(*task.last_outcome), "its last attempt succeeded");
      return;
    case TaskEnd::quarantined:
      require(task.was_lost && task.num_charges == policy().max_worker_kills, "it has not killed enough workers");
      return;
  }
}

}  // namespace drover::simulation
