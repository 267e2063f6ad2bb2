#include "drover/runtime/function_desk.hpp"

#include <algorithm>
#include <utility>

#include "drover/core/orphans.hpp"

namespace drover::runtime {

namespace {

constexpr core::OwnerId kSession{};

}  // namespace

FunctionDesk::FunctionDesk(CallBoard& session, transport::Transport& transport)
    : session_(session), transport_(transport) {}

// --- what was submitted before -----------------------------------------------------------------

void FunctionDesk::go_on_from(journal::RecordedCalls recorded, const core::Snapshot& start) {
  recorded_ = std::move(recorded);
  for (const core::UnfinishedTask& task : start.unfinished)
    if (task.is_unclaimed) unclaimed_.insert(task.id);
  for (const core::UnfinishedTask* orphan : core::orphans(start))
    if (unclaimed_.erase(orphan->id) > 0) orphans_[orphan->owner].push_back(orphan->id);
}

/// Whether it was submitted to an earlier session: then it needs not be accepted.
bool FunctionDesk::is_known(core::OwnerId owner, std::uint64_t call, const core::TaskSpec& spec) {
  if (!recorded_) return false;
  std::optional<journal::RecordedCall> recorded = recorded_->take(spec);
  if (!recorded) return false;
  if (recorded->how) {
    settle(owner, call,
           {recorded->how, std::move(recorded->outcome), recorded->num_attempts, std::move(recorded->value), ""});
    return true;
  }
  // One that is not unclaimed any more was cancelled a moment ago.
  if (unclaimed_.erase(recorded->task) == 0) return false;
  claimed_[owner].push_back(recorded->task);
  pending_.emplace(recorded->task, Pending{owner, call, {}});
  return true;
}

void FunctionDesk::settle(core::OwnerId owner, std::uint64_t call, CallEnd end) {
  if (owner == kSession)
    ended_.push_back({call, std::move(end)});
  else if (!gone_.contains(core::worker_of(owner)))
    settled_[core::worker_of(owner)].calls.push_back(
        {call, end.how, std::move(end.outcome), end.num_attempts, std::move(end.value)});
}

// --- what is submitted ------------------------------------------------------------------------

TaskSource::Batch FunctionDesk::pull(std::size_t max) {
  const bool is_over = session_.is_finished();  // before what may be the last is taken
  Batch batch;
  std::vector<CallBoard::Submitted> taken = session_.take_submitted(max);
  if (!taken.empty() || is_over) claimed_.merge(orphans_);
  for (CallBoard::Submitted& submitted : taken) {
    if (is_known(kSession, submitted.number, submitted.spec)) continue;
    unaccepted_[kSession].push_back(submitted.number);
    batch.tasks.push_back(std::move(submitted.spec));
  }
  const bool has_more = session_.has_submitted();
  batch.state = has_more ? State::more : is_over ? State::end : State::would_block;
  return batch;
}

std::vector<core::Event> FunctionDesk::take_requests(const core::Scheduler& scheduler) {
  std::vector<core::Event> events;
  for (auto& [owner, tasks] : std::exchange(claimed_, {}))
    events.emplace_back(core::event::TasksClaimed{owner, std::move(tasks)});
  // Nobody is left who could submit them again.
  if (!unclaimed_.empty() && session_.is_finished() && !session_.has_submitted() &&
      unclaimed_.size() == scheduler.num_unclaimed() && unclaimed_.size() == scheduler.counts().unfinished()) {
    num_abandoned_ = unclaimed_.size();
    events.emplace_back(core::event::CancelRequested{{unclaimed_.begin(), unclaimed_.end()}});
  }
  const std::vector<std::uint64_t> cancelled = session_.take_cancelled();
  if (cancelled.empty()) return events;
  const std::set<std::uint64_t> numbers(cancelled.begin(), cancelled.end());
  core::event::CancelRequested request;
  for (const auto& [task, pending] : pending_)
    if (pending.owner == kSession && numbers.contains(pending.call)) request.tasks.push_back(task);
  std::sort(request.tasks.begin(), request.tasks.end());
  events.emplace_back(std::move(request));
  return events;
}

core::Event FunctionDesk::submit(core::WorkerId from, wire::Submit& submit) {
  core::event::TasksSubmitted event{core::owner_of(from), {}};
  unacknowledged_[from] += submit.calls.size();
  for (wire::SubmittedCall& call : submit.calls) {
    if (is_known(event.owner, call.number, call.spec)) continue;
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
      const auto pending = pending_.emplace(accepted->task, Pending{accepted->owner, calls->second.front(), {}}).first;
      calls->second.pop_front();
      if (const auto said = early_.extract(accepted->task)) tell_owner(pending->second, said.mapped());
    } else if (const auto* ended = std::get_if<core::fact::AttemptEnded>(&fact)) {
      const auto found = pending_.find(ended->result.attempt.task);
      if (found != pending_.end()) found->second.last = ended->result;
    } else if (const auto* over = std::get_if<core::fact::TaskEnded>(&fact)) {
      if (!unclaimed_.empty()) unclaimed_.erase(over->task);
      if (!early_.empty()) early_.erase(over->task);
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
  settle(pending.owner, pending.call,
         {delivery.how, std::move(last.outcome), delivery.attempt.n, std::move(last.value), ""});
  return true;
}

void FunctionDesk::on_progress(const wire::Progress& progress, core::WallMicros) {
  const auto found = pending_.find(progress.attempt.task);
  if (found != pending_.end())
    tell_owner(found->second, progress);
  else
    early_.insert_or_assign(progress.attempt.task, progress);
}

void FunctionDesk::tell_owner(const Pending& pending, const wire::Progress& progress) {
  const auto& [owner, call, last] = pending;
  if (owner == kSession)
    session_.set_progress(call, {progress.fraction, progress.text});
  else if (!gone_.contains(core::worker_of(owner)))
    transport_.send(core::worker_of(owner), wire::encode(wire::Advanced{call, progress.fraction, progress.text}));
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
