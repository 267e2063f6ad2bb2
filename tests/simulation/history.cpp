#include "history.hpp"

#include <algorithm>

#include "support/describe.hpp"

namespace drover::simulation {

using core::AttemptId;
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

void History::hear(const event::TasksClaimed&) {}

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

void History::hear(const event::WorkersAwaited&) {}

void History::hear(const event::Ticked&) {
  due_.is_tick = true;
  const core::Duration gap = last_tick_ ? now_ - *last_tick_ : core::Duration::zero();
  last_tick_ = now_;
  if (gap <= policy().lease / 2) return;
  count("pauses of the master");
  for (auto& [id, member] : members_) member.excused = std::min(member.excused + gap, now_ - member.last_heard);
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
