#include "history.hpp"

#include <algorithm>

#include "support/describe.hpp"

namespace drover::simulation {

using core::AttemptId;
using core::TaskEnd;
using core::TaskId;
using core::WorkerId;
using test::text;
namespace event = core::event;
namespace fact = core::fact;

void History::observe(const core::Event& event, const core::Outbox& outbox, core::Time now) {
  now_ = now;
  due_ = {};
  std::visit([this](const auto& e) { hear(e); }, event);
  for (const core::Fact& fact : outbox.facts) {
    ++num_facts_;
    try {
      std::visit([this](const auto& f) { judge(f); }, fact);
    } catch (const Violation& violation) {
      throw Violation("at the fact '" + text(fact) + "': " + violation.what());
    }
  }
  for (const core::Command& command : outbox.commands) {
    try {
      std::visit([this](const auto& c) { judge(c); }, command);
    } catch (const Violation& violation) {
      throw Violation("at the command '" + text(command) + "': " + violation.what());
    }
  }
  require_all_done();
  advance();
}

// --- what the scheduler was told --------------------------------------------------------------

void History::hear(const event::TasksSubmitted& event) {
  due_.owner = event.owner;
  due_.specs.assign(event.tasks.rbegin(), event.tasks.rend());
}

void History::hear(const event::InputEnded&) {
  due_.input_ended = true;
}

void History::hear(const event::CancelRequested& event) {
  for (const TaskId id : event.tasks) {
    const auto found = tasks_.find(id);
    if (found != tasks_.end() && !found->second.end && !found->second.is_cancelled) due_.cancels.insert(id);
  }
}

void History::hear(const event::GroupFormed& event) {
  due_.group = &event;
  if (event.source != core::GroupSource::world) is_growth_awaited_ = false;
}

void History::hear(const event::GrowthFailed&) {
  due_.growth_failed = true;
  is_growth_awaited_ = false;
}

void History::hear(const event::WorkerAnnounced& event) {
  if (!members_.contains(event.worker)) due_.announced = &event;
}

void History::hear(const event::WorkerReported& event) {
  due_.report = &event;
  due_.num_results = event.ended.size();
  const auto found = members_.find(event.worker);
  due_.is_from_member = found != members_.end();
  if (!due_.is_from_member) {
    due_.to_fence = event.worker;
    return;
  }
  found->second.last_heard = now_;
  found->second.excused = {};
  for (const AttemptId attempt : event.handed_back) due_.to_discard.insert(attempt);
}

void History::hear(const event::WorkerLeft& event) {
  due_.left = event.worker;
}

void History::hear(const event::WorkerFailed& event) {
  due_.failed = event.worker;
}

void History::hear(const event::DrainRequested& event) {
  for (const WorkerId id : event.workers) {
    const auto found = members_.find(id);
    if (found == members_.end() || (found->second.is_draining && !event.now)) continue;
    due_.to_drain.insert(id);
    if (event.now) drained_now_.insert(id);
  }
}

void History::hear(const event::StopRequested& event) {
  due_.stop = &event;
  const bool is_news = !stop_ || (event.kill && !stop_->kill);
  if (is_news && event.kill_at && !leave_until_) kill_at_ = std::min(kill_at_.value_or(*event.kill_at), *event.kill_at);
}

void History::hear(const event::TimeLimited& event) {
  time_end_ = event.end;
}

void History::hear(const event::PauseAhead&) {}

void History::hear(const event::HoldChanged& event) {
  is_held_ = event.hold;
}

void History::hear(const event::Ticked&) {
  due_.is_tick = true;
  const core::Duration gap = last_tick_ ? now_ - *last_tick_ : core::Duration::zero();
  tick_before_ = last_tick_;
  last_tick_ = now_;
  if (gap <= policy().lease / 2) return;
  count("pauses of the master");
  for (auto& [id, member] : members_) member.excused = std::min(member.excused + gap, now_ - member.last_heard);
}

// --- tasks ------------------------------------------------------------------------------------

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
  groups_.at(worker.group).idle_since = groups_.at(worker.group).seen_busy = now_;
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
  Group& group = groups_.at(member(*task.worker).group);
  group.idle_since = now_;
  group.seen_busy = (due_.is_tick ? tick_before_ : last_tick_).value_or(group.formed);
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

// --- groups and workers -----------------------------------------------------------------------

void History::judge(const fact::GroupFormed& fact) {
  require(due_.group != nullptr, "no group has come");
  require(fact.group.value == next_group_ && fact.first_worker.value == next_worker_, "numbers are not consecutive");
  require(fact.population == due_.group->population && fact.source == due_.group->source, "not the group that came");
  Group& group = groups_[fact.group];
  group.source = fact.source;
  group.formed = now_;
  for (std::uint32_t i = 0; i < fact.population; ++i) group.pending.insert(WorkerId(next_worker_++));
  ++next_group_;
  due_.group = nullptr;
  if (leave_until_) leave_until_ = now_ + policy().leave_grace;
  if (fact.source == core::GroupSource::spawn) count("groups spawned");
}

void History::judge(const fact::GroupEnded& fact) {
  const Group& group = groups_.at(fact.group);
  require(group.pending.empty() && group.members.empty(), "it has members");
  require((fact.how == core::GroupEnd::lost) == group.has_losses, "lost or not?");
  groups_.erase(fact.group);
  due_.to_release.insert(fact.group);
}

void History::judge(const fact::GrowthRequested& fact) {
  require(!stop_ && !leave_until_, "the run is stopped");
  require(!is_growth_awaited_, "an earlier request is unanswered");
  require(fact.population > 0, "for nobody");
  std::uint64_t num_workers = members_.size();
  for (const auto& [id, group] : groups_) num_workers += group.pending.size();
  if (fact.reason.find("replace") != std::string::npos) {
    num_respawns_ += fact.population;
    require(num_respawns_ <= policy().scale.max_respawns, "more replacements than are allowed");
  } else {
    require(num_workers + fact.population <= policy().scale.max_workers, "more workers than are allowed");
    require(waiting_.size() >= policy().scale.backlog, "there is no such backlog");
  }
  is_growth_awaited_ = true;
  growth_asked_ = now_;
  due_.to_grow = fact.population;
  count("growth requested");
}

void History::judge(const fact::GrowthFailed&) {
  const bool is_overdue = is_growth_awaited_ && now_ >= growth_asked_ + policy().scale.answer_wait;
  require(due_.growth_failed || is_overdue, "nobody said so");
  due_.growth_failed = false;
  is_growth_awaited_ = false;
  count("growth failed");
}

void History::judge(const fact::HostQuarantined& fact) {
  require(policy().max_host_losses > 0 && host_losses_[fact.host] >= policy().max_host_losses,
          "it lost too few workers");
  require(quarantined_hosts_.insert(fact.host).second, "it is quarantined already");
  bool has_others = false;
  for (const auto& [id, member] : members_) {
    if (member.host != fact.host)
      has_others = has_others || !member.is_draining;
    else if (!member.is_draining)
      due_.to_drain.insert(id);
  }
  require(has_others, "there would be no worker left");
  count("hosts quarantined");
}

void History::judge(const fact::WorkerJoined& fact) {
  require(due_.announced != nullptr && due_.announced->worker == fact.worker, "it did not announce itself");
  require(due_.announced->num_slots == fact.num_slots && due_.announced->host == fact.host, "not what it said");
  require(!leave_until_, "the run is over");
  require(!quarantined_hosts_.contains(fact.host), "its host is quarantined");
  Group& group = groups_.at(fact.group);
  require(group.pending.erase(fact.worker) == 1, "it is not awaited in that group");
  group.members.insert(fact.worker);
  require(is_free(fact.first_job_slot, fact.num_slots), "its job slots are taken");
  for (std::uint32_t first = 1; first < fact.first_job_slot; ++first)
    require(!is_free(first, fact.num_slots), "there are lower job slots");
  Member& worker = members_[fact.worker];
  worker.group = fact.group;
  worker.host = fact.host;
  worker.num_slots = fact.num_slots;
  worker.first_job_slot = fact.first_job_slot;
  worker.last_heard = now_;
  group.idle_since = group.seen_busy = now_;
  due_.announced = nullptr;
  due_.to_welcome.insert(fact.worker);
  ++counts_.workers_joined;
}

bool History::is_free(std::uint32_t first_job_slot, std::uint32_t num_slots) const {
  return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const Member& other = entry.second;
    return first_job_slot >= other.first_job_slot + other.num_slots ||
           other.first_job_slot >= first_job_slot + num_slots;
  });
}

History::Member& History::member(WorkerId worker) {
  const auto found = members_.find(worker);
  require(found != members_.end(), "there is no such worker");
  return found->second;
}

void History::judge(const fact::WorkerDraining& fact) {
  Member& worker = member(fact.worker);
  require(!worker.is_draining, "it is draining already");
  require_reason_to_drain(fact.worker, worker);
  worker.is_draining = true;
  due_.to_drain.insert(fact.worker);
  count("workers drained");
}

/// Asked for, on a host that is quarantined, at the end of the run, or with nothing to do for too long.
void History::require_reason_to_drain(WorkerId id, const Member& member) const {
  if (due_.to_drain.contains(id) || quarantined_hosts_.contains(member.host)) return;
  const bool is_complete = is_input_ended_ && counts_.unfinished() == 0;
  if (is_complete || (stop_ && num_dispatched_ == 0)) return;
  require(due_.is_tick && is_idle_for_long(member.group, false), "nobody asked for it");
}

/// The scheduler looks for idle groups when it ticks: it may count from the last time it saw one busy,
/// and if `is_surely` it must not have missed this one.
bool History::is_idle_for_long(core::GroupId id, bool is_surely) const {
  const Group& group = groups_.at(id);
  if (group.source == core::GroupSource::world || !policy().scale.idle_timeout || !group.pending.empty()) return false;
  const core::Time since = is_surely ? group.idle_since : group.seen_busy;
  return now_ - since >= *policy().scale.idle_timeout &&
         std::all_of(group.members.begin(), group.members.end(),
                     [this](WorkerId worker) { return members_.at(worker).held.empty(); });
}

void History::judge(const fact::WorkerEnded& fact) {
  const bool is_lost = fact.how == core::WorkerEnd::lost;
  due_.to_forget.insert(fact.worker);
  if (is_lost) ++counts_.workers_lost;
  if (const auto found = members_.find(fact.worker); found != members_.end()) {
    const Member& member = found->second;
    if (is_lost)
      judge_loss(fact.worker, member);
    else
      require(due_.left == fact.worker, "it did not say goodbye");
    require(member.held.empty(), "what it held is forgotten");
    judge_charges(member, is_lost);
    if (is_lost && !leave_until_ && !stop_) ++host_losses_[member.host];
    Group& group = groups_.at(member.group);
    group.members.erase(fact.worker);
    group.has_losses = group.has_losses || is_lost;
    members_.erase(found);
    return;
  }
  for (auto& [id, group] : groups_)
    if (group.pending.erase(fact.worker) > 0) {
      if (is_lost && due_.failed != fact.worker) judge_absence(group);
      group.has_losses = group.has_losses || is_lost;
      group.idle_since = now_;  // while some were awaited it was not
      return;
    }
  throw Violation("there is no such worker");
}

/// Attempts go with a worker that was lost; those that it executed are charged, or if it said nothing
/// of any that began, those that it was to begin first.
void History::judge_charges(const Member& member, bool is_lost) const {
  if (!is_lost) return require(member.losses.empty(), "a worker that left had something");
  const bool knows =
      std::any_of(member.losses.begin(), member.losses.end(), [](const Loss& l) { return l.was_started; });
  for (std::size_t i = 0; i < member.losses.size(); ++i) {
    const Loss& loss = member.losses[i];
    const bool executed = knows ? loss.was_started : i < member.num_slots;
    require(loss.is_charged == executed, [&] { return text(loss.attempt) + " is charged wrongly"; });
  }
}

bool History::is_overdue(const Member& member) const {
  return now_ - member.last_heard - member.excused >= policy().lease;
}

/// Whether the worker may be taken for lost; in a world with small delays, whether it really was.
void History::judge_loss(WorkerId id, const Member& member) const {
  const bool is_closing_over = leave_until_ && now_ >= *leave_until_;
  require(due_.failed == id || is_overdue(member) || is_closing_over, "its lease is not over");
  const Process& process = *reality_->find(id);
  if (process.state != Process::State::alive) return count("dead workers lost");
  if (process.frozen_until > core::Time{}) count("frozen workers lost");
  if (!plan_->is_sound || process.is_cut || process.is_falsely_accused) return;
  require(process.frozen_until >= member.last_heard, "it is alive and talks");
}

/// Whether a member may be taken for one that never comes.
void History::judge_absence(const Group& group) const {
  const bool is_closing_over = leave_until_ && now_ >= *leave_until_;
  require(is_closing_over || now_ >= group.formed + policy().announce_grace, "it may still announce itself");
  count("workers that never came");
}

// --- the run ----------------------------------------------------------------------------------

/// What ended under earlier masters is left alone: else a run that was halted could not be resumed.
bool History::is_halt_reached() const {
  const core::Counts& before = counts_at_start_;
  return policy().halt.is_reached(counts_.accepted - before.ended(), counts_.succeeded - before.succeeded,
                                  counts_.unsuccessful() - before.unsuccessful());
}

bool History::lacks_workers() const {
  if (!members_.empty() || counts_.unfinished() == 0 || is_growth_awaited_) return false;
  return std::all_of(groups_.begin(), groups_.end(), [](const auto& g) { return g.second.pending.empty(); });
}

void History::judge(const fact::DispatchStopped& fact) {
  require(!leave_until_, "the run is over");
  require(!stop_ || (fact.kill && !stop_->kill), "it is stopped already");
  if (stop_) {
    const bool is_asked = due_.stop != nullptr && due_.stop->kill;
    require(is_asked || (kill_at_ && now_ >= *kill_at_) || (time_end_ && now_ >= *time_end_),
            "nobody asked for a kill");
  } else {
    switch (fact.reason) {
      case core::StopReason::halt_policy:
        require(is_halt_reached() && fact.kill == (policy().halt.when == core::HaltPolicy::When::now), "no halt");
        break;
      case core::StopReason::time_limit:
        require(time_end_.has_value() && (!fact.kill || now_ >= *time_end_), "there is time left");
        if (!fact.kill) kill_at_ = std::min(kill_at_.value_or(*time_end_), *time_end_);
        break;
      case core::StopReason::no_workers:
        require(lacks_workers() && lacking_since_ && now_ - *lacking_since_ >= policy().worker_wait,
                "workers may come");
        break;
      case core::StopReason::requested:
      case core::StopReason::rollover:
      case core::StopReason::internal:
        require(due_.stop != nullptr && due_.stop->reason == fact.reason && due_.stop->kill == fact.kill, "not asked");
        break;
    }
    count(core::to_string(fact.reason).data());
  }
  stop_ = fact;
  for (const auto& [id, member] : members_)
    for (const AttemptId attempt : member.held) {
      if (fact.kill)
        due_.to_kill.insert(attempt);
      else if (!tasks_.at(attempt.task).is_started)
        due_.to_recall.insert(attempt);
    }
}

/// Workers do not outlive their master, and what they had costs their tasks nothing. Neither do holds,
/// pauses before a retry, or what the old master was asked to do.
void History::restart() {
  for (auto& [id, task] : tasks_) {
    if (task.worker) waiting_.insert(id);
    task.worker.reset();
    task.not_before = {};
    if (task.end) task.is_delivered = true;  // by whoever reads the records
  }
  groups_.clear();
  members_.clear();
  quarantined_hosts_.clear();
  host_losses_.clear();
  drained_now_.clear();
  num_dispatched_ = 0;
  num_respawns_ = 0;
  is_held_ = false;
  is_growth_awaited_ = false;
  last_tick_.reset();
  tick_before_.reset();
  time_end_.reset();
  kill_at_.reset();
  lacking_since_.reset();
  stop_.reset();
  leave_until_.reset();
  count("masters died");
  counts_at_start_ = counts_;
}

core::Time History::next_deadline() const {
  core::Time deadline = core::Time::max();
  const auto note = [&](core::Time time) {
    if (time > now_) deadline = std::min(deadline, time);
  };
  for (const TaskId id : waiting_) note(tasks_.at(id).not_before);
  if (leave_until_) note(*leave_until_);
  if (kill_at_ && stop_ && !stop_->kill && !leave_until_) note(*kill_at_);
  if (time_end_ && !stop_ && !leave_until_) note(*time_end_);
  return deadline;
}

std::uint64_t History::num_accepted_of(core::OwnerId owner) const {
  return static_cast<std::uint64_t>(
      std::count_if(tasks_.begin(), tasks_.end(), [&](const auto& entry) { return entry.second.owner == owner; }));
}

std::vector<WorkerId> History::members() const {
  std::vector<WorkerId> ids;
  for (const auto& [id, member] : members_) ids.push_back(id);
  return ids;
}

std::vector<WorkerId> History::members_of(core::GroupId group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return {};
  return {found->second.members.begin(), found->second.members.end()};
}

std::vector<core::GroupId> History::groups() const {
  std::vector<core::GroupId> ids;
  for (const auto& [id, group] : groups_) ids.push_back(id);
  return ids;
}

std::vector<TaskId> History::unfinished() const {
  std::vector<TaskId> ids;
  for (const auto& [id, task] : tasks_)
    if (!task.end) ids.push_back(id);
  return ids;
}

}  // namespace drover::simulation
