// The life of a task:
//
//   accepted -> ready -> dispatched -> (ended) -> its terminal record
//                ^  ^         |           |
//                |  +---------+           +-> delayed -> ready      a failure with a retry left
//                |   handed back, or lost with its worker
//                +------------------------------------------------- killed because the run stops
//
// The life of a run: running -> stopping (on request or by the halt policy) -> closing -> closed; a
// run that is complete goes from running to closing at once.
//
// A ticket for a worker is assembled while events are handled and sent once they are, so that the
// commands of one event come in an order that a worker can rely on: recall and kill before drain.

#include "drover/core/scheduler.hpp"

#include <algorithm>
#include <cassert>

#include "drover/support/duration.hpp"

namespace drover::core {

namespace {

/// A worker with less than this waiting is not worth a recall: the answer takes as long.
constexpr Duration kShortestRecall = std::chrono::milliseconds(2);
constexpr std::size_t kLargestTicketBytes = 1 << 20;
/// With more bytes than this a worker gets no more than one attempt ahead of its slots: they are memory there, and on
/// their way they keep other workers waiting for theirs.
constexpr std::uint64_t kMostBytesAhead = 16U << 20;
/// A worker where more attempts than this wait for others gets no work ahead: each of them is a thread or a process,
/// and what it has ahead would become another before what they wait for has its turn.
constexpr std::uint32_t kMostWaiting = 64;

}  // namespace

Outbox Scheduler::handle(const Event& event, Time now) {
  assert(now >= now_);
  now_ = now;
  std::visit([this](const auto& e) { on(e); }, event);
  settle();
  return std::exchange(out_, Outbox{});
}

void Scheduler::apply(const Fact& fact) {
  std::visit([this](const auto& f) { apply_one(f); }, fact);
}

void Scheduler::emit(Fact fact) {
  apply(fact);
  out_.facts.push_back(std::move(fact));
}

// --- events -----------------------------------------------------------------------------------

void Scheduler::on(const event::TasksSubmitted& event) {
  for (const TaskSpec& spec : event.tasks) emit(fact::TaskAccepted{TaskId(totals_.accepted + 1), event.owner, spec});
}

void Scheduler::on(const event::TasksClaimed& event) {
  for (const TaskId id : event.tasks) {
    const auto found = tasks_.find(id);
    if (found != tasks_.end() && std::holds_alternative<Unclaimed>(found->second.state))
      emit(fact::TaskClaimed{id, event.owner});
  }
}

void Scheduler::on(const event::InputEnded&) {
  if (!is_input_ended_) emit(fact::InputEnded{});
}

void Scheduler::on(const event::CancelRequested& event) {
  for (const TaskId id : event.tasks) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end() || found->second.is_cancelled) continue;
    emit(fact::TaskCancelRequested{id});
    if (const auto* state = std::get_if<Dispatched>(&found->second.state))
      out_.commands.push_back(command::Kill{state->worker, {{id, found->second.num_attempts}}});
    end_if_cancelled(id);
  }
}

void Scheduler::on(const event::GroupFormed& event) {
  const GroupId id = next_group_;
  emit(fact::GroupFormed{id, event.source, next_worker_, event.population, event.hosts});
  groups_.at(id).announce_deadline = now_ + policy_.announce_grace;
  groups_.at(id).idle_since = now_;
  if (event.source != GroupSource::world) growth_.on_formed(now_);
  // A group may come as the run ends; it is sent away like all others.
  if (phase_ == Phase::closed) phase_ = Phase::closing;
  if (phase_ == Phase::closing) closing_deadline_ = now_ + policy_.leave_grace;
  end_group_if_empty(id);
}

void Scheduler::on(const event::GrowthFailed& event) {
  emit(fact::GrowthFailed{event.reason});
  growth_.on_failed(now_);
}

void Scheduler::on(const event::WorkerAnnounced& event) {
  if (workers_.contains(event.worker)) return;
  const std::optional<GroupId> group = group_awaiting(event.worker);
  if (!group || phase_ == Phase::closing || phase_ == Phase::closed || quarantined_hosts_.contains(event.host)) {
    out_.commands.push_back(command::Fence{event.worker});
    return;
  }
  const std::uint32_t num_slots = std::max(event.num_slots, 1U);
  const std::uint32_t first = free_job_slots(num_slots);
  emit(fact::WorkerJoined{event.worker, *group, event.host, event.pid, num_slots, first});
  workers_.at(event.worker).last_heard = now_;
  out_.commands.push_back(command::Welcome{event.worker, *group, first});
}

void Scheduler::on(const event::WorkerReported& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) {
    // Its results are those of attempts that were given to others when it was lost.
    for (const AttemptResult& result : event.ended) emit(fact::AttemptSuperseded{result.attempt, event.worker});
    out_.commands.push_back(command::Fence{event.worker});
    return;
  }
  found->second.last_heard = now_;
  set_waiting(event.worker, found->second, event.num_waiting);
  for (const AttemptId attempt : event.started)
    if (const Dispatched* state = dispatched(attempt, event.worker); state != nullptr && !state->started)
      emit(fact::AttemptStarted{attempt});
  for (const AttemptResult& result : event.ended) on_ended(event.worker, result);
  for (const AttemptId attempt : event.handed_back) {
    out_.commands.push_back(command::DiscardOutput{attempt});
    if (dispatched(attempt, event.worker) == nullptr) continue;
    emit(fact::AttemptHandedBack{attempt});
    end_if_cancelled(attempt.task);
  }
  // Whatever it says may be the answer to a recall; one too many costs a message.
  found->second.recalled = false;
}

void Scheduler::on_ended(WorkerId worker, const AttemptResult& result) {
  const AttemptId attempt = result.attempt;
  if (dispatched(attempt, worker) == nullptr) {
    emit(fact::AttemptSuperseded{attempt, worker});
    return;
  }
  emit(fact::AttemptEnded{result, worker});
  if (is_success(result.outcome)) {
    growth_.on_success();
    if (!host_losses_.empty()) host_losses_.erase(workers_.at(worker).host);
    return end_task(attempt.task, TaskEnd::succeeded, attempt);
  }
  const Task& task = tasks_.at(attempt.task);
  const bool is_killed = std::holds_alternative<Killed>(result.outcome);
  if (is_killed || task.is_cancelled || task.num_failures <= policy_.retry.max_retries) {
    out_.commands.push_back(command::DiscardOutput{attempt});
    if (task.is_cancelled) return end_if_cancelled(attempt.task);
    if (!is_killed) emit(fact::TaskDelayed{attempt.task, now_ + policy_.retry.delay(task.num_failures)});
    return;
  }
  const bool is_timeout = std::holds_alternative<TimedOut>(result.outcome);
  end_task(attempt.task, is_timeout ? TaskEnd::timed_out : TaskEnd::failed, attempt);
}

void Scheduler::on(const event::WorkerLeft& event) {
  end_worker(event.worker, WorkerEnd::drained, "");
}

void Scheduler::on(const event::WorkerFailed& event) {
  end_worker(event.worker, WorkerEnd::lost, event.reason);
}

void Scheduler::on(const event::DrainRequested& event) {
  for (const WorkerId id : event.workers) drain_worker(id, event.now);
}

void Scheduler::drain_worker(WorkerId id, bool now) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || (found->second.draining && !now)) return;
  if (!found->second.draining) emit(fact::WorkerDraining{id});
  out_.commands.push_back(command::Drain{id, now});
}

void Scheduler::on(const event::StopRequested& event) {
  if (phase_ == Phase::closing || phase_ == Phase::closed || (stop_reason_ && (is_killing_ || !event.kill))) return;
  if (event.kill_at) kill_at_ = std::min(kill_at_.value_or(*event.kill_at), *event.kill_at);
  emit(fact::DispatchStopped{event.reason, event.kill});
  withdraw_dispatched(event.kill);
}

void Scheduler::on(const event::TimeLimited& event) {
  time_end_ = event.end;
}

void Scheduler::on(const event::PauseAhead& event) {
  pause_ahead_ = event.length;
}

void Scheduler::on(const event::HoldChanged& event) {
  is_held_ = event.hold;
}

void Scheduler::on(const event::WorkersAwaited& event) {
  are_workers_awaited_ = event.are_awaited;
}

void Scheduler::on(const event::Ticked&) {
  // After a pause of its own the master has not had the chance to hear anyone: the pause does not count.
  const Duration pause = has_ticked_ ? now_ - last_tick_ : Duration::zero();
  if (pause > policy_.lease / 2)
    for (auto& [id, worker] : workers_) worker.last_heard = std::min(worker.last_heard + pause, now_);
  last_tick_ = now_;
  has_ticked_ = true;
  expire_leases();
  expire_groups();
  expire_run();
}

void Scheduler::expire_leases() {
  std::vector<WorkerId> expired;
  for (const auto& [id, worker] : workers_)
    if (now_ - worker.last_heard >= policy_.lease) expired.push_back(id);
  for (const WorkerId id : expired) end_worker(id, WorkerEnd::lost, "not heard for the length of its lease");
  if (phase_ != Phase::closing || now_ < closing_deadline_) return;
  while (!workers_.empty())
    end_worker(workers_.begin()->first, WorkerEnd::lost, "did not leave in time at the end of the run");
}

/// Members that never came, and groups with nothing to do.
void Scheduler::expire_groups() {
  std::vector<WorkerId> absent;
  std::vector<WorkerId> idle;
  const auto has_nothing = [this](WorkerId member) { return workers_.at(member).held.empty(); };
  for (const auto& [id, group] : groups_) {
    if (now_ >= group.announce_deadline || (phase_ == Phase::closing && now_ >= closing_deadline_))
      absent.insert(absent.end(), group.pending.begin(), group.pending.end());
    if (group.source == GroupSource::world || !policy_.scale.idle_timeout) continue;
    if (group.pending.empty() && now_ - group.idle_since >= *policy_.scale.idle_timeout &&
        std::all_of(group.members.begin(), group.members.end(), has_nothing))
      idle.insert(idle.end(), group.members.begin(), group.members.end());
  }
  for (const WorkerId id : absent) end_worker(id, WorkerEnd::lost, "did not announce itself in time");
  for (const WorkerId id : idle) drain_worker(id, false);
}

/// The run's own times: its limit, what a stop leaves to those that execute, and how long a request
/// for workers may go without an answer.
void Scheduler::expire_run() {
  if (growth_.is_overdue(now_)) on(event::GrowthFailed{"no answer to the request in time"});
  if (time_end_ && now_ >= *time_end_) on(event::StopRequested{StopReason::time_limit, true, std::nullopt});
  if (phase_ == Phase::stopping && kill_at_ && now_ >= *kill_at_)
    on(event::StopRequested{*stop_reason_, true, std::nullopt});
}

/// Ends a member of a group, whether it has announced itself or not; others are not there any more.
void Scheduler::end_worker(WorkerId id, WorkerEnd how, const std::string& reason) {
  const auto found = workers_.find(id);
  const std::optional<GroupId> group = found != workers_.end() ? found->second.group : group_awaiting(id);
  if (!group) return;
  const bool is_lost = how == WorkerEnd::lost;
  const std::string host = found != workers_.end() ? found->second.host : std::string();
  if (found != workers_.end()) take_back_held(id, is_lost);
  emit(fact::WorkerEnded{id, how, reason});
  out_.commands.push_back(command::Forget{id});
  if (is_lost && phase_ == Phase::running && !host.empty()) {
    if (host == policy_.scale.local_host) growth_.on_local_loss(now_);
    judge_host(host);
  }
  end_group_if_empty(*group);
}

/// Takes back what a worker held. Those that it executed are charged for its loss; if it was lost
/// without a word of what it began, those that it was to begin first are.
void Scheduler::take_back_held(WorkerId id, bool is_lost) {
  const Worker& worker = workers_.at(id);
  std::vector<std::pair<AttemptId, bool>> held;
  bool knows_started = false;
  for (const auto& [position, task_id] : worker.held) {
    const Task& task = tasks_.at(task_id);
    const bool started = std::get<Dispatched>(task.state).started;
    knows_started = knows_started || started;
    held.emplace_back(AttemptId{task_id, task.num_attempts}, started);
  }
  if (!knows_started)
    for (std::size_t i = 0; i < held.size() && i < worker.num_slots; ++i) held[i].second = true;
  for (const auto& [attempt, executing] : held) {
    emit(fact::AttemptLost{attempt, id, executing && is_lost});
    out_.commands.push_back(command::DiscardOutput{attempt});
    const Task& task = tasks_.at(attempt.task);
    if (task.num_worker_kills >= policy_.max_worker_kills)
      end_task(attempt.task, TaskEnd::quarantined, AttemptId{attempt.task, 0});
    else
      end_if_cancelled(attempt.task);
  }
}

void Scheduler::end_group_if_empty(GroupId id) {
  const Group& group = groups_.at(id);
  if (!group.pending.empty() || !group.members.empty()) return;
  const GroupEnd how = group.has_losses ? GroupEnd::lost : GroupEnd::left;
  emit(fact::GroupEnded{id, how});
  out_.commands.push_back(command::ReleaseGroup{id, how});
}

/// A host that loses one worker after the other is given no more work; the last one that has workers
/// is spared, or the run would end with it.
void Scheduler::judge_host(const std::string& host) {
  const std::uint32_t num_losses = ++host_losses_[host];
  if (policy_.max_host_losses == 0 || num_losses < policy_.max_host_losses || quarantined_hosts_.contains(host)) return;
  const auto is_elsewhere = [&](const auto& entry) { return entry.second.host != host && !entry.second.draining; };
  if (std::none_of(workers_.begin(), workers_.end(), is_elsewhere)) return;
  emit(fact::HostQuarantined{host, "lost " + std::to_string(num_losses) + " workers with no success in between"});
  if (host == policy_.scale.local_host) growth_.give_up();  // what it brings would be sent away
  std::vector<WorkerId> there;
  for (const auto& [id, worker] : workers_)
    if (worker.host == host) there.push_back(id);
  for (const WorkerId id : there) drain_worker(id, false);
}

void Scheduler::end_task(TaskId id, TaskEnd how, AttemptId attempt) {
  const OwnerId owner = tasks_.at(id).owner;
  out_.commands.push_back(command::Deliver{id, owner, attempt, how, tag(id)});
  emit(fact::TaskEnded{id, owner, how});
}

/// A task that is cancelled ends once no worker has it.
void Scheduler::end_if_cancelled(TaskId id) {
  const Task& task = tasks_.at(id);
  if (task.is_cancelled && !std::holds_alternative<Dispatched>(task.state))
    end_task(id, TaskEnd::cancelled, AttemptId{id, 0});
}

// --- consequences -----------------------------------------------------------------------------

void Scheduler::settle() {
  for (const TaskId id : std::exchange(cancelled_at_start_, {})) end_if_cancelled(id);
  release_delayed();
  judge_halt();
  grow();
  judge_workers();
  dispatch();
  send_tickets();
  balance();
  advance_phase();
  pause_ahead_.reset();
}

void Scheduler::release_delayed() {
  while (!delayed_.empty() && delayed_.begin()->first <= now_) {
    const TaskId id = delayed_.begin()->second;
    Task& task = tasks_.at(id);
    leave_state(id, task);
    enter_ready(id, task);
  }
}

void Scheduler::judge_halt() {
  if (stop_reason_ || phase_ != Phase::running) return;
  const Counts& before = totals_at_start_;
  if (!policy_.halt.is_reached(totals_.accepted - before.ended(), totals_.succeeded - before.succeeded,
                               totals_.unsuccessful() - before.unsuccessful()))
    return;
  on(event::StopRequested{StopReason::halt_policy, policy_.halt.when == HaltPolicy::When::now, std::nullopt});
}

/// A run with work and nobody to do it, now or soon, waits for a while.
void Scheduler::judge_workers() {
  const bool waits = phase_ == Phase::running && workers_.empty() && !expects_workers() && !tasks_.empty();
  if (!waits) {
    no_workers_since_.reset();
    return;
  }
  if (!no_workers_since_) no_workers_since_ = now_;
  if (now_ - *no_workers_since_ >= policy_.worker_wait)
    on(event::StopRequested{StopReason::no_workers, false, std::nullopt});
}

void Scheduler::grow() {
  if (phase_ != Phase::running) return;
  const std::optional<Wanted> wanted = growth_.due(ready_.size(), workers_.size() + num_pending_, now_);
  if (!wanted) return;
  growth_.on_requested(*wanted, now_);
  emit(fact::GrowthRequested{wanted->population, wanted->reason});
  out_.commands.push_back(command::Grow{wanted->population});
}

/// Gives ready tasks to the least loaded workers: first to every free slot, then ahead of them.
void Scheduler::dispatch() {
  if (is_held_ || phase_ != Phase::running || ready_.empty()) return;
  if (time_end_ && now_ + expected_runtime() > *time_end_)
    return on(event::StopRequested{StopReason::time_limit, false, *time_end_});
  while (!ready_.empty() && !loads_.empty()) {
    const WorkerId id = loads_.begin()->second;
    const Worker& worker = workers_.at(id);
    const std::uint32_t credit = worker.num_waiting <= kMostWaiting ? credit_per_slot() : 0;
    const std::uint64_t room = std::uint64_t{worker.num_slots} * (1 + credit);
    if (worker.load() >= room) return;
    std::uint64_t chunk = 1;
    if (worker.load() >= worker.num_slots)
      chunk = std::clamp<std::uint64_t>(ready_.size() / (2 * workers_.size()), 1, room - worker.load());
    for (; chunk > 0 && !ready_.empty(); --chunk) {
      if (worker.load() > worker.num_slots && worker.num_bytes >= kMostBytesAhead) return;
      const TaskId task_id = ready_.begin()->second;
      const AttemptId attempt{task_id, tasks_.at(task_id).num_attempts + 1};
      emit(fact::AttemptDispatched{attempt, id});
      const Task& task = tasks_.at(task_id);
      tickets_[id].push_back(Assignment{attempt, task.spec, task.owner});
    }
  }
}

void Scheduler::send_tickets() {
  for (auto& [id, assignments] : tickets_) {
    std::size_t bytes = 0;
    command::SendTicket ticket{id, {}};
    for (Assignment& assignment : assignments) {
      bytes += assignment.spec.payload.size();
      if (bytes > kLargestTicketBytes && !ticket.assignments.empty()) {
        out_.commands.push_back(std::exchange(ticket, command::SendTicket{id, {}}));
        bytes = assignment.spec.payload.size();
      }
      ticket.assignments.push_back(std::move(assignment));
    }
    out_.commands.push_back(std::move(ticket));
  }
  tickets_.clear();
}

/// With nothing ready, an idle worker gets what a loaded one has not begun: take back half of it.
void Scheduler::balance() {
  if (is_held_ || phase_ != Phase::running || !ready_.empty() || loads_.size() < 2) return;
  const Worker& idlest = workers_.at(loads_.begin()->second);
  if (idlest.load() >= idlest.num_slots) return;
  const WorkerId victim_id = loads_.rbegin()->second;
  Worker& victim = workers_.at(victim_id);
  if (victim.recalled || victim.load() <= victim.num_slots) return;
  const std::uint64_t waiting = victim.load() - victim.num_slots;
  const Duration wait = mean_runtime_ ? support::times(*mean_runtime_, waiting) / victim.num_slots : kShortestRecall;
  if (wait < kShortestRecall) return;
  command::Recall recall{victim_id, {}};
  const std::uint64_t num = (waiting + 1) / 2;
  for (auto it = victim.held.rbegin(); it != victim.held.rend() && recall.attempts.size() < num; ++it) {
    const Task& task = tasks_.at(it->second);
    if (!std::get<Dispatched>(task.state).started) recall.attempts.push_back({it->second, task.num_attempts});
  }
  if (recall.attempts.empty()) return;
  victim.recalled = true;
  out_.commands.push_back(std::move(recall));
}

void Scheduler::advance_phase() {
  const bool is_complete = is_input_ended_ && tasks_.empty();
  const bool is_stopped = stop_reason_.has_value() && num_dispatched_ == 0;
  if ((phase_ == Phase::running || phase_ == Phase::stopping) && (is_complete || is_stopped)) {
    phase_ = Phase::closing;
    closing_deadline_ = now_ + policy_.leave_grace;
    for (auto& [id, worker] : workers_) {
      if (!worker.draining) emit(fact::WorkerDraining{id});
      out_.commands.push_back(command::Drain{id, false});
    }
  }
  if (phase_ == Phase::closing && workers_.empty() && num_pending_ == 0) phase_ = Phase::closed;
}

/// Takes back what is with workers: all that has not begun, and with `kill` what executes too.
void Scheduler::withdraw_dispatched(bool kill) {
  for (auto& [id, worker] : workers_) {
    std::vector<AttemptId> attempts = held_attempts(worker, kill);
    if (attempts.empty()) continue;
    if (kill)
      out_.commands.push_back(command::Kill{id, std::move(attempts)});
    else
      out_.commands.push_back(command::Recall{id, std::move(attempts)});
  }
}

}  // namespace drover::core
