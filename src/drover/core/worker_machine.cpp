#include "drover/core/worker_machine.hpp"

#include <algorithm>
#include <utility>

#include "drover/support/duration.hpp"

namespace drover::core {

namespace {

/// How much work is started ahead, in time.
constexpr Duration kAhead = std::chrono::milliseconds(4);
/// Of what takes longer than that, but no longer than this, one is: its slot need not wait for us in between.
constexpr Duration kLongestAhead = std::chrono::milliseconds(20);
/// Weight of the newest runtime in the moving mean, as a divisor.
constexpr Duration::rep kMeanWeight = 8;

}  // namespace

WorkerMachine::WorkerMachine(WorkerPolicy policy, Time now)
    : policy_(policy), now_(now), last_said_(now), master_heard_(now), last_tick_(now) {
  policy_.num_slots = std::max(policy_.num_slots, 1U);
  for (std::uint32_t slot = 1; slot <= policy_.num_slots; ++slot) free_slots_.insert(slot);
}

std::vector<WorkerCommand> WorkerMachine::handle(std::span<const WorkerEvent> events, Time now) {
  now_ = now;
  for (const WorkerEvent& event : events)
    if (!has_left_) std::visit([this](const auto& e) { on(e); }, event);
  settle();
  return std::exchange(out_, {});
}

void WorkerMachine::on(const worker_event::TicketArrived& event) {
  master_heard_ = now_;
  for (const Assignment& assignment : event.assignments) {
    if (is_draining_)
      report_.handed_back.push_back(assignment.attempt);  // it crossed our leave-taking on the way
    else
      queue_.push_back(assignment);
  }
}

void WorkerMachine::on(const worker_event::RecallArrived& event) {
  master_heard_ = now_;
  hand_back_queued(event.attempts);
  must_speak_ = true;  // even "none of these" is an answer
}

void WorkerMachine::on(const worker_event::KillArrived& event) {
  master_heard_ = now_;
  hand_back_queued(event.attempts);
  for (const AttemptId attempt : event.attempts)
    if (running_.contains(attempt)) stops_.push_back(worker_command::Stop{attempt});
}

void WorkerMachine::on(const worker_event::DrainArrived& event) {
  master_heard_ = now_;
  is_draining_ = true;
  for (const Assignment& assignment : queue_) report_.handed_back.push_back(assignment.attempt);
  queue_.clear();
  if (!event.now) return;
  for (const auto& [attempt, slot] : running_) stops_.push_back(worker_command::Stop{attempt});
}

void WorkerMachine::on(const worker_event::MasterHeard&) {
  master_heard_ = now_;
}

void WorkerMachine::on(const worker_event::AttemptEnded& event) {
  const auto found = running_.find(event.result.attempt);
  if (found == running_.end()) return;
  const std::uint32_t slot = found->second;
  running_.erase(found);
  ahead_.erase(event.result.attempt);
  must_speak_ = must_speak_ || waiting_.erase(event.result.attempt) > 0;
  if (slot != 0) free_slot(slot);
  const Duration runtime = event.result.runtime;
  mean_runtime_ = mean_runtime_ ? *mean_runtime_ + (runtime - *mean_runtime_) / kMeanWeight : runtime;
  report_.ended.push_back(event.result);
}

/// One that was started ahead is next.
void WorkerMachine::free_slot(std::uint32_t slot) {
  if (ahead_.empty())
    free_slots_.insert(slot);
  else
    running_.at(ahead_.extract(ahead_.begin()).value()) = slot;
}

bool WorkerMachine::may_start(const Assignment& assignment) const {
  if (!free_slots_.empty()) return true;
  if (assignment.spec.kind != TaskKind::function || assignment.attempt.n > 1 || !mean_runtime_) return false;
  if (*mean_runtime_ > kLongestAhead) return false;
  const auto worth = std::max<std::size_t>(static_cast<std::size_t>(kAhead / std::max(*mean_runtime_, Duration(1))), 1);
  return ahead_.size() < policy_.num_slots * std::min<std::size_t>(worth, policy_.max_ahead);
}

/// One that goes on does so at once, if need be beside those that took the slots meanwhile.
void WorkerMachine::on(const worker_event::AttemptWaits& event) {
  const auto found = running_.find(event.attempt);
  if (found == running_.end()) return;
  if (event.is_waiting) {
    if (!waiting_.insert(event.attempt).second) return;
    ahead_.erase(event.attempt);
    if (found->second != 0) free_slot(std::exchange(found->second, 0));
  } else {
    if (waiting_.erase(event.attempt) == 0) return;
    if (!free_slots_.empty()) found->second = free_slots_.extract(free_slots_.begin()).value();
  }
  must_speak_ = true;
}

void WorkerMachine::on(const worker_event::Ticked&) {
  // A pause of our own (frozen, swapped out) is no silence of the master's: hear it out first.
  const Duration pause = now_ - last_tick_;
  if (pause > policy_.master_lease / 2) master_heard_ = std::min(master_heard_ + pause, now_);
  last_tick_ = now_;
  if (now_ - master_heard_ < policy_.master_lease) return;
  has_left_ = true;
  out_.push_back(worker_command::Abandon{});
}

void WorkerMachine::hand_back_queued(const std::vector<AttemptId>& attempts) {
  const std::set<AttemptId> wanted(attempts.begin(), attempts.end());
  std::erase_if(queue_, [&](const Assignment& assignment) {
    if (!wanted.contains(assignment.attempt)) return false;
    report_.handed_back.push_back(assignment.attempt);
    return true;
  });
}

/// Fills free slots, and puts what is to be done in order: say, stop, start, leave.
void WorkerMachine::settle() {
  if (has_left_) return;
  std::vector<WorkerCommand> starts;
  while (!queue_.empty() && may_start(queue_.front())) {
    const std::uint32_t slot = free_slots_.empty() ? 0 : free_slots_.extract(free_slots_.begin()).value();
    running_.emplace(queue_.front().attempt, slot);
    if (slot == 0) ahead_.insert(queue_.front().attempt);
    report_.started.push_back(queue_.front().attempt);
    starts.push_back(worker_command::Start{std::move(queue_.front()), slot});
    queue_.pop_front();
  }
  must_speak_ = must_speak_ || report_ != worker_command::Report{} || now_ - last_said_ >= policy_.heartbeat;
  if (must_speak_) {
    report_.num_waiting = static_cast<std::uint32_t>(waiting_.size());
    out_.push_back(std::exchange(report_, {}));
    last_said_ = now_;
    must_speak_ = false;
  }
  std::move(stops_.begin(), stops_.end(), std::back_inserter(out_));
  stops_.clear();
  std::move(starts.begin(), starts.end(), std::back_inserter(out_));
  if (!is_draining_ || !running_.empty()) return;
  has_left_ = true;
  out_.push_back(worker_command::Leave{});
}

Duration WorkerMachine::work_ahead() const {
  if (!waiting_.empty()) return Duration::zero();
  return support::times(mean_runtime_.value_or(Duration::zero()), queue_.size() + ahead_.size()) / policy_.num_slots;
}

Time WorkerMachine::next_deadline() const {
  return std::min(last_said_ + policy_.heartbeat, std::max(master_heard_ + policy_.master_lease, now_));
}

std::string WorkerMachine::check_invariants() const {
  const auto num_in_use =
      std::count_if(running_.begin(), running_.end(), [](const auto& entry) { return entry.second != 0; });
  if (static_cast<std::size_t>(num_in_use) + free_slots_.size() != policy_.num_slots)
    return "slots are neither free nor in use";
  for (const AttemptId attempt : ahead_)
    if (!running_.contains(attempt) || running_.at(attempt) != 0 || waiting_.contains(attempt))
      return "what was started ahead has a slot, waits, or does not execute";
  for (const AttemptId attempt : waiting_)
    if (!running_.contains(attempt) || running_.at(attempt) != 0) return "what waits holds a slot, or does not execute";
  for (const auto& [attempt, slot] : running_)
    if (free_slots_.contains(slot)) return "a slot is free and in use";
  if (!queue_.empty() && !free_slots_.empty() && !has_left_) return "work waits beside a free slot";
  if (is_draining_ && !queue_.empty()) return "a draining worker keeps work that it has not begun";
  return "";
}

}  // namespace drover::core
