#include "drover/runtime/call_board.hpp"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "drover/core/limits.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/thrown.hpp"

namespace drover::runtime {

namespace {

/// Tasks that may wait for the loop before those who submit more must wait too.
constexpr std::size_t kMostQueued = 10'000;

}  // namespace

CallBoard::CallBoard() {
  make_event();
}

void CallBoard::part_from_parent() {
  shelf_.part_from_parent();
  make_event();
}

void CallBoard::make_event() {
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) throw system_error("cannot watch for submitted tasks", errno);
}

CallBoard::~CallBoard() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  has_actions_.notify_all();
  if (actor_.joinable()) actor_.join();
}

// --- for those who submit ---------------------------------------------------------------------

CallPtr CallBoard::submit(core::TaskSpec spec, std::span<const CallPtr> after, CallTallyPtr tally) {
  core::check_size(spec);
  std::unique_lock lock(mutex_);
  taken_.wait(lock, [this] { return has_room_locked(); });
  return submit_locked(std::move(spec), after, std::move(tally));
}

CallPtr CallBoard::try_submit(core::TaskSpec& spec, std::span<const CallPtr> after, CallTallyPtr tally) {
  core::check_size(spec);
  const std::lock_guard lock(mutex_);
  return has_room_locked() ? submit_locked(std::move(spec), after, std::move(tally)) : nullptr;
}

CallPtr CallBoard::add(core::TaskSpec spec, CallTallyPtr tally) {
  const std::lock_guard lock(mutex_);
  return submit_locked(std::move(spec), {}, std::move(tally));
}

bool CallBoard::wait_until_taken(const CallTally& tally, std::optional<core::Duration> limit) {
  std::unique_lock lock(mutex_);
  const auto is_taken = [&] { return is_closed_ || tally.num_to_take == 0; };
  if (limit) return taken_.wait_for(lock, support::bounded(*limit), is_taken);
  taken_.wait(lock, is_taken);
  return true;
}

bool CallBoard::has_room() {
  const std::lock_guard lock(mutex_);
  return has_room_locked();
}

bool CallBoard::has_room_locked() const {
  return is_closed_ || num_queued_ < kMostQueued;
}

CallPtr CallBoard::submit_locked(core::TaskSpec spec, std::span<const CallPtr> after, CallTallyPtr tally) {
  auto call = std::make_shared<Call>();
  call->spec = std::move(spec);
  call->tally = std::move(tally);
  call->number = ++last_number_;
  open_.emplace(call->number, call);
  if (is_closed_) {
    end_locked(call, {.reason = closed_because_});
    return call;
  }
  for (const CallPtr& blocker : after) {
    if (blocker->state != Call::State::ended) {
      ++call->num_blockers;
      blocker->blocked.push_back(call);
    } else if (blocker->end.how != core::TaskEnd::succeeded) {
      call->num_blockers = 0;
      end_locked(call, {.how = core::TaskEnd::cancelled, .reason = "a task that it comes after did not succeed"});
      return call;
    }
  }
  if (call->tally) ++call->tally->num_to_take;
  if (call->num_blockers > 0)
    call->state = Call::State::blocked;
  else
    enqueue(call);
  return call;
}

void CallBoard::enqueue(const CallPtr& call) {
  call->state = Call::State::queued;
  queued_[call->spec.priority].push_back(call);
  if (num_queued_++ == 0) signal();
}

void CallBoard::cancel(const CallPtr& call) {
  const std::lock_guard lock(mutex_);
  cancel_locked(call);
}

void CallBoard::cancel_all() {
  const std::lock_guard lock(mutex_);
  std::vector<CallPtr> calls;
  for (const auto& [number, call] : open_) calls.push_back(call);
  for (const CallPtr& call : calls) cancel_locked(call);
}

void CallBoard::cancel_locked(const CallPtr& call) {
  if (call->state == Call::State::ended || std::exchange(call->is_cancelled, true)) return;
  if (call->state == Call::State::taken) {
    cancelled_.push_back(call->number);
    signal();
  } else {
    // One that is queued stays there as ended, to be skipped.
    end_locked(call, {.how = core::TaskEnd::cancelled, .reason = "cancelled before it was handed in"});
  }
}

bool CallBoard::has_ended(const CallPtr& call) {
  const std::lock_guard lock(mutex_);
  return call->state == Call::State::ended;
}

CallProgress CallBoard::progress(const CallPtr& call) {
  const std::lock_guard lock(mutex_);
  return call->progress;
}

void CallBoard::tell(wire::Progress progress) {
  const std::lock_guard lock(mutex_);
  if (told_.empty()) signal();
  const core::AttemptId attempt = progress.attempt;
  told_.insert_or_assign(attempt, std::move(progress));
}

bool CallBoard::has_thrown(const CallTallyPtr& tally) {
  return tally && tally->thrown;
}

/// What an action has thrown, to whoever waits first.
void CallBoard::rethrow(const CallTallyPtr& tally) {
  if (has_thrown(tally)) std::rethrow_exception(std::exchange(tally->thrown, nullptr));
}

CallEnd& CallBoard::wait(const CallPtr& call) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return call->state == Call::State::ended || has_thrown(call->tally); });
  rethrow(call->tally);
  return call->end;
}

std::size_t CallBoard::wait_any(std::span<const CallPtr> calls) {
  std::unique_lock lock(mutex_);
  auto found = calls.end();
  ended_.wait(lock, [&] {
    found = std::find_if(calls.begin(), calls.end(), [](const CallPtr& call) {
      return call->state == Call::State::ended || has_thrown(call->tally);
    });
    return found != calls.end();
  });
  rethrow((*found)->tally);
  return static_cast<std::size_t>(found - calls.begin());
}

void CallBoard::tell_end(const CallPtr& call, EndQueuePtr queue, std::size_t key) {
  const std::lock_guard lock(mutex_);
  call->end_queue = std::move(queue);
  call->end_queue->tally = call->tally;
  call->key = key;
  if (call->state == Call::State::ended) call->end_queue->ended.push_back(key);
}

std::size_t CallBoard::wait_next(EndQueue& queue) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return !queue.ended.empty() || has_thrown(queue.tally); });
  rethrow(queue.tally);
  const std::size_t key = queue.ended.front();
  queue.ended.pop_front();
  return key;
}

void CallBoard::wait_all(const CallTallyPtr& tally) {
  std::unique_lock lock(mutex_);
  const bool is_within_action = std::this_thread::get_id() == actor_.get_id();
  ended_.wait(lock, [&] {
    return has_thrown(tally) || (open_.empty() && (is_within_action || (actions_.empty() && !is_acting_)));
  });
  rethrow(tally);
}

bool CallBoard::wait_for(const CallPtr& call, core::Duration limit) {
  std::unique_lock lock(mutex_);
  const auto is_over = [&] { return call->state == Call::State::ended || has_thrown(call->tally); };
  const bool came = ended_.wait_for(lock, support::bounded(limit), is_over);
  rethrow(call->tally);
  return came;
}

void CallBoard::end_waiting(const CallTallyPtr& tally) {
  const std::lock_guard lock(mutex_);
  tally->waits_no_more = true;
  rethrow(tally);
}

void CallBoard::then(const CallPtr& call, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  if (!actor_.joinable()) actor_ = std::thread([this] { run_actions(); });
  if (call->state != Call::State::ended) {
    call->then.push_back(std::move(action));
    return;
  }
  actions_.push_back({call->tally, std::move(action)});
  has_actions_.notify_one();
}

void CallBoard::run_actions() {
  std::unique_lock lock(mutex_);
  while (true) {
    has_actions_.wait(lock, [this] { return is_over_ || !actions_.empty(); });
    if (actions_.empty()) return;
    const Action action = std::move(actions_.front());
    actions_.pop_front();
    is_acting_ = true;
    lock.unlock();
    std::exception_ptr thrown;
    try {
      action.act();
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    is_acting_ = false;
    if (thrown) note_thrown(action.tally, thrown);
    ended_.notify_all();
  }
}

/// The first is told to who submitted the task, and waits for it or another. What follows from it is not.
void CallBoard::note_thrown(const CallTallyPtr& tally, const std::exception_ptr& thrown) {
  if (tally && !tally->waits_no_more) {
    if (!tally->thrown) tally->thrown = thrown;
    return;
  }
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    spdlog::error("what was to be done after a task has thrown, and who submitted it has ended: {}",
                  support::describe_current_exception().text);
  }
}

void CallBoard::finish() {
  const std::lock_guard lock(mutex_);
  is_finished_ = true;
  signal();
}

// --- for the loop -----------------------------------------------------------------------------

std::vector<CallBoard::Submitted> CallBoard::take_submitted(std::size_t max) {
  std::vector<Submitted> submitted;
  const std::lock_guard lock(mutex_);
  for (auto& [priority, calls] : queued_) {
    for (; !calls.empty() && submitted.size() < max; calls.pop_front()) {
      Call& call = *calls.front();
      --num_queued_;
      if (call.tally) --call.tally->num_to_take;
      if (call.state == Call::State::ended) continue;
      call.state = Call::State::taken;
      submitted.push_back({call.number, std::move(call.spec)});
    }
  }
  if (num_queued_ < kMostQueued) taken_.notify_all();
  if (num_queued_ == 0) clear_signal();
  return submitted;
}

bool CallBoard::has_submitted() {
  const std::lock_guard lock(mutex_);
  return num_queued_ > 0;
}

bool CallBoard::is_finished() {
  const std::lock_guard lock(mutex_);
  return is_finished_;
}

std::vector<std::uint64_t> CallBoard::take_cancelled() {
  const std::lock_guard lock(mutex_);
  return std::exchange(cancelled_, {});
}

std::vector<wire::Progress> CallBoard::take_told() {
  const std::lock_guard lock(mutex_);
  std::vector<wire::Progress> told;
  for (auto& [attempt, progress] : std::exchange(told_, {})) told.push_back(std::move(progress));
  return told;
}

void CallBoard::set_progress(std::uint64_t number, CallProgress progress) {
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(number); found != open_.end()) {
    found->second->progress = std::move(progress);
    if (found->second->on_progress) found->second->on_progress(found->second->progress);
  }
}

void CallBoard::on_progress(const CallPtr& call, std::function<void(const CallProgress&)> action) {
  const std::lock_guard lock(mutex_);
  call->on_progress = std::move(action);
}

void CallBoard::end(std::vector<Ended> ended) {
  if (ended.empty()) return;
  const std::lock_guard lock(mutex_);
  for (Ended& one : ended)
    if (const auto found = open_.find(one.number); found != open_.end()) {
      const CallPtr call = found->second;
      end_locked(call, std::move(one.end));
    }
}

void CallBoard::close(const std::string& reason) {
  shelf_.close();
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  closed_because_ = reason;
  while (!open_.empty()) {
    const CallPtr call = open_.begin()->second;
    end_locked(call, {.reason = reason});
  }
  taken_.notify_all();
  ended_.notify_all();
}

void CallBoard::end_locked(const CallPtr& call, CallEnd end) {
  if (call->state == Call::State::blocked && call->tally && --call->tally->num_to_take == 0) taken_.notify_all();
  call->state = Call::State::ended;
  call->end = std::move(end);
  open_.erase(call->number);
  for (std::function<void()>& action : call->then) actions_.push_back({call->tally, std::move(action)});
  if (!call->then.empty()) has_actions_.notify_one();
  call->then.clear();
  if (call->end_queue) call->end_queue->ended.push_back(call->key);
  settle_blocked(*call);
  ended_.notify_all();
}

/// Those that wait for it go on, or end with it.
void CallBoard::settle_blocked(Call& call) {
  const bool has_succeeded = call.end.how == core::TaskEnd::succeeded;
  for (const CallPtr& blocked : std::exchange(call.blocked, {})) {
    if (blocked->state != Call::State::blocked) continue;
    if (!has_succeeded && !is_closed_)
      end_locked(blocked, {.how = core::TaskEnd::cancelled, .reason = "a task that it comes after did not succeed"});
    else if (has_succeeded && --blocked->num_blockers == 0)
      enqueue(blocked);
  }
}

void CallBoard::signal() {
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

void CallBoard::clear_signal() {
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
}

}  // namespace drover::runtime
