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

namespace drover::core {

namespace {

/// Attempts a slot, times this, is a worker's load: an integer, so that order is exact.
constexpr std::uint64_t kLoadScale = 1 << 20;
/// A worker with less than this waiting is not worth a recall: the answer takes as long.
constexpr Duration kShortestRecall = std::chrono::milliseconds(2);
constexpr std::size_t kLargestTicketBytes = 1 << 20;
/// Weight of the newest runtime in the moving mean, as a divisor.
constexpr Duration::rep kMeanWeight = 8;

}  // namespace

Scheduler::Scheduler(Policy policy) : policy_(policy) {}

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

void Scheduler::on(const event::InputEnded&) {
  if (!is_input_ended_) emit(fact::InputEnded{});
}

void Scheduler::on(const event::WorkerAnnounced& event) {
  if (workers_.contains(event.worker)) return;
  if (phase_ == Phase::closing || phase_ == Phase::closed) {
    out_.commands.push_back(command::Fence{event.worker});
    return;
  }
  const std::uint32_t num_slots = std::max(event.num_slots, 1U);
  const std::uint32_t first = free_job_slots(num_slots);
  emit(fact::WorkerJoined{event.worker, event.group, event.host, event.pid, num_slots, first});
  workers_.at(event.worker).last_heard = now_;
  out_.commands.push_back(command::Welcome{event.worker, event.group, first});
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
  for (const AttemptId attempt : event.started)
    if (const Dispatched* state = dispatched(attempt, event.worker); state != nullptr && !state->started)
      emit(fact::AttemptStarted{attempt});
  for (const AttemptResult& result : event.ended) on_ended(event.worker, result);
  for (const AttemptId attempt : event.handed_back) {
    if (dispatched(attempt, event.worker) != nullptr) emit(fact::AttemptHandedBack{attempt});
    out_.commands.push_back(command::DiscardOutput{attempt});
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
  if (is_success(result.outcome)) return end_task(attempt.task, TaskEnd::succeeded, attempt);
  const Task& task = tasks_.at(attempt.task);
  const bool is_killed = std::holds_alternative<Killed>(result.outcome);
  if (is_killed || task.num_failures <= policy_.retry.max_retries) {
    out_.commands.push_back(command::DiscardOutput{attempt});
    if (!is_killed) emit(fact::TaskDelayed{attempt.task, now_ + policy_.retry.delay(task.num_failures)});
    return;
  }
  const bool is_timeout = std::holds_alternative<TimedOut>(result.outcome);
  end_task(attempt.task, is_timeout ? TaskEnd::timed_out : TaskEnd::failed, attempt);
}

void Scheduler::on(const event::WorkerLeft& event) {
  if (workers_.contains(event.worker)) end_worker(event.worker, WorkerEnd::drained, "");
}

void Scheduler::on(const event::WorkerFailed& event) {
  if (workers_.contains(event.worker)) end_worker(event.worker, WorkerEnd::lost, event.reason);
}

void Scheduler::on(const event::DrainRequested& event) {
  for (const WorkerId id : event.workers) {
    const auto found = workers_.find(id);
    if (found == workers_.end() || (found->second.draining && !event.now)) continue;
    if (!found->second.draining) emit(fact::WorkerDraining{id});
    out_.commands.push_back(command::Drain{id, event.now});
  }
}

void Scheduler::on(const event::StopRequested& event) {
  if (phase_ == Phase::closing || phase_ == Phase::closed || (stop_reason_ && (is_killing_ || !event.kill))) return;
  emit(fact::DispatchStopped{event.reason, event.kill});
  withdraw_dispatched(event.kill);
}

void Scheduler::on(const event::HoldChanged& event) {
  is_held_ = event.hold;
}

void Scheduler::on(const event::Ticked&) {
  // After a pause of its own the master has not had the chance to hear anyone: the pause does not count.
  const Duration pause = has_ticked_ ? now_ - last_tick_ : Duration::zero();
  if (pause > policy_.lease / 2)
    for (auto& [id, worker] : workers_) worker.last_heard = std::min(worker.last_heard + pause, now_);
  last_tick_ = now_;
  has_ticked_ = true;
  expire_leases();
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

/// Ends a worker and takes back what it held. Those that it executed are charged for its death; if
/// it died without a word of what it began, those that it was to begin first are.
void Scheduler::end_worker(WorkerId id, WorkerEnd how, const std::string& reason) {
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
    const bool charged = executing && how == WorkerEnd::lost;
    emit(fact::AttemptLost{attempt, id, charged});
    out_.commands.push_back(command::DiscardOutput{attempt});
    if (tasks_.at(attempt.task).num_worker_kills >= policy_.max_worker_kills)
      end_task(attempt.task, TaskEnd::quarantined, AttemptId{attempt.task, 0});
  }
  emit(fact::WorkerEnded{id, how, reason});
  out_.commands.push_back(command::Forget{id});
}

void Scheduler::end_task(TaskId id, TaskEnd how, AttemptId attempt) {
  const OwnerId owner = tasks_.at(id).owner;
  out_.commands.push_back(command::Deliver{id, owner, attempt, how, tag(id)});
  emit(fact::TaskEnded{id, owner, how});
}

// --- consequences -----------------------------------------------------------------------------

void Scheduler::settle() {
  release_delayed();
  judge_halt();
  dispatch();
  send_tickets();
  balance();
  advance_phase();
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
  if (!policy_.halt.is_reached(totals_.accepted, totals_.succeeded, totals_.unsuccessful())) return;
  on(event::StopRequested{StopReason::halt_policy, policy_.halt.when == HaltPolicy::When::now});
}

/// Gives ready tasks to the least loaded workers: first to every free slot, then ahead of them.
void Scheduler::dispatch() {
  if (is_held_ || phase_ != Phase::running) return;
  while (!ready_.empty() && !loads_.empty()) {
    const WorkerId id = loads_.begin()->second;
    const Worker& worker = workers_.at(id);
    const std::uint64_t room = std::uint64_t{worker.num_slots} * (1 + credit_per_slot());
    if (worker.held.size() >= room) return;
    std::uint64_t chunk = 1;
    if (worker.held.size() >= worker.num_slots)
      chunk = std::clamp<std::uint64_t>(ready_.size() / (2 * workers_.size()), 1, room - worker.held.size());
    for (; chunk > 0 && !ready_.empty(); --chunk) {
      const TaskId task_id = *ready_.begin();
      const AttemptId attempt{task_id, tasks_.at(task_id).num_attempts + 1};
      emit(fact::AttemptDispatched{attempt, id});
      tickets_[id].push_back(Assignment{attempt, tasks_.at(task_id).spec});
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
  if (idlest.held.size() >= idlest.num_slots) return;
  const WorkerId victim_id = loads_.rbegin()->second;
  Worker& victim = workers_.at(victim_id);
  if (victim.recalled || victim.held.size() <= victim.num_slots) return;
  const std::uint64_t waiting = victim.held.size() - victim.num_slots;
  const Duration wait =
      mean_runtime_ ? *mean_runtime_ * static_cast<Duration::rep>(waiting) / victim.num_slots : kShortestRecall;
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
  if (phase_ == Phase::closing && workers_.empty()) phase_ = Phase::closed;
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

// --- facts ------------------------------------------------------------------------------------

void Scheduler::apply_one(const fact::TaskAccepted& fact) {
  totals_.accepted = std::max(totals_.accepted, fact.task.value);
  Task& task = tasks_[fact.task];
  task.owner = fact.owner;
  task.spec = fact.spec;
  enter_ready(fact.task, task);
}

void Scheduler::apply_one(const fact::InputEnded&) {
  is_input_ended_ = true;
}

void Scheduler::apply_one(const fact::WorkerJoined& fact) {
  Worker& worker = workers_[fact.worker];
  worker.group = fact.group;
  worker.host = fact.host;
  worker.num_slots = fact.num_slots;
  worker.first_job_slot = fact.first_job_slot;
  worker.last_heard = now_;
  job_slots_[fact.first_job_slot] = fact.num_slots;
  num_slots_ += fact.num_slots;
  ++totals_.workers_joined;
  loads_.insert(load_of(fact.worker, worker));
}

void Scheduler::apply_one(const fact::WorkerEnded& fact) {
  const auto found = workers_.find(fact.worker);
  if (found == workers_.end()) return;
  assert(found->second.held.empty());
  loads_.erase(load_of(fact.worker, found->second));
  job_slots_.erase(found->second.first_job_slot);
  num_slots_ -= found->second.num_slots;
  if (fact.how == WorkerEnd::lost) ++totals_.workers_lost;
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
  hold(fact.worker, workers_.at(fact.worker), fact.attempt.task);
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
    ready_.erase(id);
    queued_bytes_ -= task.spec.payload.size();
  } else if (const auto* delayed = std::get_if<Delayed>(&task.state)) {
    delayed_.erase({delayed->until, id});
  } else {
    const auto state = std::get<Dispatched>(task.state);
    if (state.started) --num_executing_;
    --num_dispatched_;
    release(state.worker, workers_.at(state.worker), state.position);
  }
}

void Scheduler::enter_ready(TaskId id, Task& task) {
  task.state = Ready{};
  ready_.insert(id);
  queued_bytes_ += task.spec.payload.size();
}

void Scheduler::hold(WorkerId id, Worker& worker, TaskId task) {
  const bool is_open = loads_.erase(load_of(id, worker)) > 0;
  worker.held.emplace(next_position_++, task);
  if (is_open) loads_.insert(load_of(id, worker));
}

void Scheduler::release(WorkerId id, Worker& worker, std::uint64_t position) {
  const bool is_open = loads_.erase(load_of(id, worker)) > 0;
  worker.held.erase(position);
  if (is_open) loads_.insert(load_of(id, worker));
}

Scheduler::Load Scheduler::load_of(WorkerId id, const Worker& worker) const {
  return {worker.held.size() * kLoadScale / worker.num_slots, id};
}

std::uint32_t Scheduler::credit_per_slot() const {
  return policy_.credit.per_slot(mean_runtime_, ready_.size(), num_slots_);
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

bool Scheduler::is_current(AttemptId attempt, WorkerId worker) const {
  return dispatched(attempt, worker) != nullptr;
}

const std::string& Scheduler::tag(TaskId task) const {
  const TaskSpec& spec = tasks_.at(task).spec;
  return spec.tag.empty() ? spec.payload : spec.tag;
}

std::vector<AttemptId> Scheduler::held_attempts(const Worker& worker, bool started_too) const {
  std::vector<AttemptId> attempts;
  for (const auto& [position, id] : worker.held) {
    const Task& task = tasks_.at(id);
    if (started_too || !std::get<Dispatched>(task.state).started) attempts.push_back({id, task.num_attempts});
  }
  return attempts;
}

Time Scheduler::next_deadline() const {
  Time deadline = now_ + policy_.lease / 4;
  if (!delayed_.empty()) deadline = std::min(deadline, delayed_.begin()->first);
  if (phase_ == Phase::closing) deadline = std::min(deadline, closing_deadline_);
  return deadline;
}

/// Enough that credits can be filled thrice over, so that the share of each stays fair, and not more.
std::size_t Scheduler::num_wanted_tasks() const {
  if (phase_ != Phase::running || is_input_ended_ || queued_bytes_ >= policy_.max_queued_bytes) return 0;
  const std::uint64_t credit = policy_.credit.per_slot(mean_runtime_, policy_.max_queued_tasks, 1);
  const std::uint64_t wanted =
      std::clamp<std::uint64_t>(3 * (num_slots_ + 1) * (credit + 1), 64, policy_.max_queued_tasks);
  const std::uint64_t queued = ready_.size() + delayed_.size();
  return queued < wanted ? wanted - queued : 0;
}

std::uint64_t Scheduler::num_busy_workers() const {
  return static_cast<std::uint64_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& entry) { return !entry.second.held.empty(); }));
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
  std::uint64_t bytes = 0;
  for (const auto& [id, task] : tasks_) {
    const std::string name = "task " + std::to_string(id.value);
    if (id.value > totals_.accepted) return name + " was never accepted";
    const bool is_ready = std::holds_alternative<Ready>(task.state);
    if (is_ready != ready_.contains(id)) return name + " and the ready queue disagree";
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
  if (tasks_.size() != ready_.size() + delayed_.size() + dispatched) return "a task is in no state";
  std::uint64_t held = 0;
  std::uint64_t slots = 0;
  for (const auto& [id, worker] : workers_) {
    held += worker.held.size();
    slots += worker.num_slots;
    if (worker.draining == loads_.contains(load_of(id, worker)))
      return "worker " + std::to_string(id.value) + " and the index of loads disagree";
    if (policy_.credit.fixed_per_slot &&
        worker.held.size() > std::uint64_t{worker.num_slots} * (1 + *policy_.credit.fixed_per_slot))
      return "worker " + std::to_string(id.value) + " holds more than its credit";
  }
  if (held != dispatched) return "workers hold what is not dispatched to them";
  if (slots != num_slots_) return "the count of slots is off";
  return "";
}

}  // namespace drover::core
