#include "drover/runtime/function_desk.hpp"

#include <algorithm>
#include <utility>

namespace drover::runtime {

namespace {

constexpr core::OwnerId kSession{};

}  // namespace

FunctionDesk::FunctionDesk(CallBoard& session, transport::Transport& transport)
    : session_(session), transport_(transport) {}

// --- what is submitted ------------------------------------------------------------------------

TaskSource::Batch FunctionDesk::pull(std::size_t max) {
  const bool is_over = session_.is_finished();  // before what may be the last is taken
  Batch batch;
  for (CallBoard::Submitted& submitted : session_.take_submitted(max)) {
    unaccepted_[kSession].push_back(submitted.number);
    batch.tasks.push_back(std::move(submitted.spec));
  }
  const bool has_more = session_.has_submitted();
  batch.state = has_more ? State::more : is_over ? State::end : State::would_block;
  return batch;
}

std::vector<core::Event> FunctionDesk::take_requests() {
  const std::vector<std::uint64_t> cancelled = session_.take_cancelled();
  if (cancelled.empty()) return {};
  const std::set<std::uint64_t> numbers(cancelled.begin(), cancelled.end());
  core::event::CancelRequested request;
  for (const auto& [task, pending] : pending_)
    if (pending.owner == kSession && numbers.contains(pending.call)) request.tasks.push_back(task);
  std::sort(request.tasks.begin(), request.tasks.end());
  return {std::move(request)};
}

core::Event FunctionDesk::submit(core::WorkerId from, wire::Submit& submit) {
  core::event::TasksSubmitted event{core::owner_of(from), {}};
  unacknowledged_[from] += submit.calls.size();
  for (wire::SubmittedCall& call : submit.calls) {
    unaccepted_[event.owner].push_back(call.number);
    event.tasks.push_back(std::move(call.spec));
  }
  return event;
}

core::Event FunctionDesk::withdraw(core::WorkerId from, const wire::Withdraw& withdraw) {
  const std::set<std::uint64_t> numbers(withdraw.calls.begin(), withdraw.calls.end());
  core::event::CancelRequested request;
  for (const auto& [task, pending] : pending_)
    if (pending.owner == core::owner_of(from) && numbers.contains(pending.call)) request.tasks.push_back(task);
  std::sort(request.tasks.begin(), request.tasks.end());
  return request;
}

// --- values -----------------------------------------------------------------------------------

void FunctionDesk::send_piece(core::WorkerId to, const wire::Fetch& fetch) {
  wire::Piece piece = session_.shelf().piece(fetch);
  if (piece.is_there) fetched_[fetch.value].insert(to);
  transport_.send(to, wire::encode(std::move(piece)));
}

void FunctionDesk::release_values() {
  std::map<core::WorkerId, wire::Release> releases;
  for (const wire::ValueId value : session_.shelf().take_removed())
    if (const auto workers = fetched_.extract(value))
      for (const core::WorkerId worker : workers.mapped())
        if (!gone_.contains(worker)) releases[worker].values.push_back(value);
  for (const auto& [worker, release] : releases) transport_.send(worker, wire::encode(release));
}

// --- what comes of it -------------------------------------------------------------------------

void FunctionDesk::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts) {
    if (const auto* accepted = std::get_if<core::fact::TaskAccepted>(&fact)) {
      const auto calls = unaccepted_.find(accepted->owner);
      if (calls == unaccepted_.end() || calls->second.empty()) continue;
      pending_.emplace(accepted->task, Pending{accepted->owner, calls->second.front(), {}});
      calls->second.pop_front();
    } else if (const auto* ended = std::get_if<core::fact::AttemptEnded>(&fact)) {
      const auto found = pending_.find(ended->result.attempt.task);
      if (found != pending_.end()) found->second.last = ended->result;
    } else if (const auto* gone = std::get_if<core::fact::WorkerEnded>(&fact)) {
      gone_.insert(gone->worker);
      unaccepted_.erase(core::owner_of(gone->worker));
      unacknowledged_.erase(gone->worker);
    }
  }
}

bool FunctionDesk::deliver(const core::command::Deliver& delivery) {
  const auto found = pending_.extract(delivery.task);
  if (!found) return false;
  Pending& pending = found.mapped();
  core::AttemptResult& last = pending.last;
  if (pending.owner == kSession) {
    ended_.push_back(
        {pending.call, {delivery.how, std::move(last.outcome), delivery.attempt.n, std::move(last.value), ""}});
  } else if (!gone_.contains(core::worker_of(pending.owner))) {
    settled_[core::worker_of(pending.owner)].calls.push_back(
        {pending.call, delivery.how, std::move(last.outcome), delivery.attempt.n, std::move(last.value)});
  }
  return true;
}

/// To the session; a task hears only of the end of those that it made.
void FunctionDesk::on_progress(const wire::Progress& progress, core::WallMicros) {
  const auto found = pending_.find(progress.attempt.task);
  if (found != pending_.end() && found->second.owner == kSession)
    session_.set_progress(found->second.call, {progress.fraction, progress.text});
}

/// Nothing is dispatched any more: a task that waits for another, which waits for its turn, would do so
/// for ever.
void FunctionDesk::give_up_waiting() {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto& [owner, call, last] = it->second;
    if (owner == kSession) {
      ++it;
      continue;
    }
    settled_[core::worker_of(owner)].calls.push_back({call, std::nullopt, core::Killed{}, 0, ""});
    it = pending_.erase(it);
  }
}

/// In large portions: a worker only needs to hear before its window is full.
void FunctionDesk::acknowledge() {
  for (auto& [worker, num] : unacknowledged_)
    if (num >= wire::kCallWindow / 4) transport_.send(worker, wire::encode(wire::SubmitAck{std::exchange(num, 0)}));
}

void FunctionDesk::on_turn(const core::Scheduler& scheduler, core::Time) {
  if (scheduler.stop_reason()) give_up_waiting();
  if (scheduler.has_queue_room() || scheduler.stop_reason()) acknowledge();
  session_.end(std::exchange(ended_, {}));
  release_values();
  for (auto& [worker, settled] : std::exchange(settled_, {})) transport_.send(worker, wire::encode(settled));
}

}  // namespace drover::runtime
