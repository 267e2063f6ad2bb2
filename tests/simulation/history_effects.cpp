// What a run's events and facts must lead to: commands, further facts, and an end.

#include <algorithm>

#include "history.hpp"
#include "support/describe.hpp"

namespace drover::simulation {

using core::AttemptId;
using test::text;
namespace command = core::command;

void History::judge(const command::Welcome& command) {
  require(due_.to_welcome.erase(command.worker) == 1, "it has not joined now");
  const Member& worker = member(command.worker);
  require(worker.group == command.group && worker.first_job_slot == command.first_job_slot, "not what it joined as");
}

void History::judge(const command::SendTicket& command) {
  require(!command.assignments.empty(), "an empty ticket");
  for (const core::Assignment& assignment : command.assignments) {
    require(due_.to_send.erase(assignment.attempt) == 1, "not dispatched now, or sent twice");
    const Task& task = tasks_.at(assignment.attempt.task);
    require(task.worker == command.worker, "dispatched to another worker");
    require(task.spec == assignment.spec, "not the task that was submitted");
  }
}

void History::judge(const command::Recall& command) {
  for (const AttemptId attempt : command.attempts) {
    require(current(attempt).worker == command.worker && !current(attempt).is_started, "it cannot be handed back");
    due_.to_recall.erase(attempt);
  }
  count("recalls");
}

void History::judge(const command::Kill& command) {
  for (const AttemptId attempt : command.attempts) {
    require(current(attempt).worker == command.worker, "the attempt is with another worker");
    due_.to_kill.erase(attempt);
    require((stop_ && stop_->kill) || tasks_.at(attempt.task).is_cancelled, "nothing is to kill it");
  }
}

void History::judge(const command::Drain& command) {
  // Its lease may be found to be over right after its host was quarantined.
  require(due_.to_forget.contains(command.worker) || member(command.worker).is_draining, "it is not draining");
  due_.to_drain.erase(command.worker);
}

void History::judge(const command::Forget& command) {
  require(due_.to_forget.erase(command.worker) == 1, "it has not ended now");
}

void History::judge(const command::ReleaseGroup& command) {
  require(due_.to_release.erase(command.group) == 1, "it has not ended now");
}

void History::judge(const command::Grow& command) {
  require(due_.to_grow == command.population, "not what was requested");
  due_.to_grow = 0;
}

void History::judge(const command::Fence& command) {
  require(!members_.contains(command.worker), "it is a worker");
  if (due_.announced != nullptr && due_.announced->worker == command.worker) {
    due_.announced = nullptr;
    return count("announcements refused");
  }
  require(due_.to_fence == command.worker, "it did not say anything");
  due_.to_fence.reset();
  count("workers fenced");
}

void History::judge(const command::Deliver& command) {
  Task& task = tasks_.at(command.task);
  require(task.end == command.how, "not as its terminal record has it");
  require(task.owner == command.owner, "to another owner");
  require(!task.is_delivered, "delivered twice");
  task.is_delivered = true;
  require(due_.to_deliver.erase(command.task) == 1, "it has not ended now");
  const bool has_output = command.how == core::TaskEnd::succeeded || command.how == core::TaskEnd::failed ||
                          command.how == core::TaskEnd::timed_out;
  const AttemptId attempt{command.task, has_output ? task.num_attempts : 0};
  require(command.attempt == attempt, "with the output of another attempt");
  if (has_output) due_.to_discard.erase(attempt);
}

void History::judge(const command::DiscardOutput& command) {
  const Task& task = tasks_.at(command.attempt.task);
  const bool is_result = task.end && task.num_attempts == command.attempt.n && task.last_outcome &&
                         (task.end != core::TaskEnd::cancelled && task.end != core::TaskEnd::quarantined);
  require(!is_result, "it is the task's");
  due_.to_discard.erase(command.attempt);
}

/// Whether all that an event asked for was done.
void History::require_all_done() const {
  require(due_.specs.empty(), "a submitted task was not accepted");
  require(!due_.input_ended || is_input_ended_, "the end of the input was not recorded");
  require(due_.cancels.empty(), "a cancelled task was not recorded as that");
  require(due_.group == nullptr, "a group that came was not recorded");
  require(due_.announced == nullptr, "an announcement was not answered");
  require(due_.num_results == 0, "a result was not recorded");
  require(!due_.growth_failed, "a failed growth was not recorded");
  require(!due_.left || !members_.contains(*due_.left), "a worker that left is still one");
  require(!due_.failed || !members_.contains(*due_.failed), "a worker that failed is still one");
  require(due_.to_send.empty(), "a dispatched attempt was not sent");
  require(due_.to_discard.empty(), "the output of an attempt was neither delivered nor discarded");
  require(due_.to_recall.empty(), "an attempt that has not begun was not recalled");
  require(due_.to_kill.empty(), "an attempt was not killed");
  require(due_.to_deliver.empty(), "a task that has ended was not recorded, or not delivered");
  require(due_.to_drain.empty(), "a draining worker was not told");
  require(due_.to_forget.empty(), "a worker that ended was not forgotten");
  require(due_.to_welcome.empty(), "a worker was not made welcome");
  require(due_.to_release.empty(), "a group that ended was not released");
  require(!due_.to_fence, "a worker that is none was not fenced");
  require(due_.to_grow == 0, "a requested growth was not asked for");
  if (due_.report != nullptr)
    for (const AttemptId attempt : due_.report->handed_back) {
      const auto found = tasks_.find(attempt.task);
      require(found == tasks_.end() || !due_.is_from_member || found->second.worker != due_.report->worker ||
                  found->second.num_attempts != attempt.n,
              "an attempt was handed back in vain");
    }
  require(stop_ || leave_until_ || !is_halt_reached(), "the halt policy was not followed");
  if (due_.stop != nullptr && !leave_until_)
    require(stop_.has_value() && (stop_->kill || !due_.stop->kill), "a stop was not followed");
  if (due_.is_tick) require_nothing_overdue();
}

/// What must not be any more once deadlines have been judged.
void History::require_nothing_overdue() const {
  for (const auto& [id, member] : members_)
    require(!is_overdue(member), [&] { return "the lease of worker " + std::to_string(id.value) + " is over"; });
  for (const auto& [id, member] : members_)
    require(member.is_draining || !is_idle_for_long(member.group), "a group with nothing to do is kept");
  for (const auto& [id, group] : groups_)
    require(group.pending.empty() || now_ < group.formed + policy().announce_grace,
            "a member that never came is awaited");
  require(!is_growth_awaited_ || now_ < growth_asked_ + policy().scale.answer_wait, "a growth is awaited for ever");
  if (leave_until_ && now_ >= *leave_until_) require(members_.empty() && groups_.empty(), "workers may leave for ever");
  if (stop_ && !stop_->kill && kill_at_ && now_ >= *kill_at_)
    require(leave_until_ || num_dispatched_ == 0, "what executes was to be killed by now");
  for (const core::TaskId id : waiting_) require(!tasks_.at(id).is_cancelled, "a cancelled task waits for a worker");
}

/// The run's own phases, as far as they follow from what is recorded.
void History::advance() {
  const bool is_complete = is_input_ended_ && counts_.unfinished() == 0;
  const bool is_stopped = stop_ && num_dispatched_ == 0;
  if (!leave_until_ && (is_complete || is_stopped)) leave_until_ = now_ + policy().leave_grace;
  if (!lacks_workers())
    lacking_since_.reset();
  else if (!lacking_since_)
    lacking_since_ = now_;
}

void History::conclude(const core::Counts& counts) const {
  require(members_.empty() && groups_.empty(), "closed with workers");
  require(leave_until_.has_value(), "closed with tasks that wait for workers");
  require(stop_ || counts_.unfinished() == 0, "closed with unfinished tasks");
  for (const auto& [id, task] : tasks_) {
    require(!task.worker, "closed with an attempt under way");
    require(task.is_delivered == task.end.has_value(), "a task is delivered if it has ended");
    if (!stop_) require(task.end.has_value(), "a task has no terminal record");
  }
  core::Counts expected = counts_;
  expected.ready = counts.ready;
  expected.delayed = counts.delayed;
  require(counts.ready + counts.delayed == counts_.unfinished(), "unfinished tasks are not counted");
  require(counts == expected, "the scheduler counts otherwise");
}

}  // namespace drover::simulation
