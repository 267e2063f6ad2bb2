// A process says its result and ends; the zygote says how it ended. An attempt is over when its process is,
// and all that it said has been heard: so its slot is free, and nothing of it is left.

#include "drover/runtime/isolated_functions.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

// What is watched beside the processes, which are numbered from 2 on.
constexpr std::uint64_t kZygote = 0;
constexpr std::uint64_t kInbox = 1;
/// What all processes may say in one poll().
constexpr int kMostMessagesInPoll = 8;

constexpr std::size_t kReadBytes = 64U << 10;
constexpr std::array kStreams{core::Stream::out, core::Stream::err};

constexpr const char* kEndedByItself = "ended its process without a result";
constexpr auto kShutDownLook = std::chrono::milliseconds(2);

constexpr std::size_t index_of(core::Stream stream) {
  return static_cast<std::size_t>(stream);
}

/// Whether nothing can be read from a pipe right now.
bool is_empty(const support::UniqueFd& fd) {
  int num_bytes = 0;
  return !fd || ::ioctl(fd.get(), FIONREAD, &num_bytes) < 0 || num_bytes == 0;
}

void signal(int event) {
  const std::uint64_t one = 1;
  (void)!::write(event, &one, sizeof one);
}

/// How an attempt ended whose process said nothing.
core::Outcome outcome_of(const exec::Zygote::Exit& exit) {
  if (exit.fork_errno != 0)
    return core::NotStarted{exit.fork_errno,
                            "cannot fork a process for it (errno " + std::to_string(exit.fork_errno) + ")"};
  if (WIFSIGNALED(exit.wait_status)) return core::Signaled{WTERMSIG(exit.wait_status)};
  const int code = WEXITSTATUS(exit.wait_status);
  if (code == 0) return core::Threw{"", kEndedByItself};
  return core::Exited{code};
}

}  // namespace

IsolatedFunctions::IsolatedFunctions(exec::Zygote& zygote, CallBoard& calls, const core::ExecProfile& profile,
                                     exec::Identity identity, Slots slots)
    : zygote_(zygote),
      calls_(calls),
      timeout_(profile.timeout),
      kill_after_(profile.kill_after),
      identity_(std::move(identity)),
      num_slots_(slots.num),
      first_job_slot_(slots.first_job_slot),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      output_epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kReadBytes) {
  inbox_->event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !output_epoll_ || !inbox_->event) throw system_error("cannot watch for functions that end", errno);
  watch(zygote_.fd(), kZygote, EPOLLIN, EPOLL_CTL_ADD);
  watch(inbox_->event.get(), kInbox, EPOLLIN, EPOLL_CTL_ADD);
  watch_output(zygote_.own_output(), kZygote);
  for (std::uint32_t slot = 1; slot <= num_slots_; ++slot) free_slots_.insert(slot);
}

IsolatedFunctions::~IsolatedFunctions() {
  for (const auto& [number, attempt] : attempts_) zygote_.kill(number);
}

bool IsolatedFunctions::shut_down(core::Duration limit) {
  line_.clear();
  for (auto& [number, attempt] : attempts_) attempt.stream.send(wire::Kill{{attempt.id}});
  const core::Time deadline = now() + limit;
  while (true) {
    take_exits();
    settle_calls();
    for (auto& [number, attempt] : attempts_) attempt.stream.push();
    const bool is_over = std::all_of(attempts_.begin(), attempts_.end(),
                                     [](const auto& entry) { return entry.second.exit.has_value(); });
    if (is_over || now() >= deadline) return true;  // what is left is killed, and is not in this process
    std::this_thread::sleep_for(kShutDownLook);
  }
}

void IsolatedFunctions::watch(int fd, std::uint64_t number, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) < 0)
    throw system_error("cannot watch the process of a function", errno);
}

void IsolatedFunctions::send(std::uint64_t number, Attempt& attempt, const wire::Message& message) {
  attempt.stream.send(message);
  watch_for_more(number, attempt);
}

/// What there is to read, until the end of the stream, and room for what there is to write.
void IsolatedFunctions::watch_for_more(std::uint64_t number, Attempt& attempt) {
  if (!attempt.is_watched) return;
  attempt.is_watched = !attempt.stream.is_at_end();
  watch(attempt.stream.fd(), number, EPOLLIN | (attempt.stream.has_unsent() ? EPOLLOUT : 0U),
        attempt.is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_DEL);
}

// --- starting and ending ----------------------------------------------------------------------

void IsolatedFunctions::start(core::Assignment assignment, core::Time now) {
  line_.push_back(std::move(assignment));
  begin_next(now);
}

void IsolatedFunctions::begin_next(core::Time now) {
  while (!line_.empty() && num_active_ < num_slots_) {
    const core::Assignment assignment = std::move(line_.front());
    line_.pop_front();
    const std::uint64_t number = ++last_number_;
    Attempt& attempt = attempts_.try_emplace(number, assignment.attempt, zygote_.start(number), now).first->second;
    ++num_active_;
    if (!free_slots_.empty()) attempt.slot = free_slots_.extract(free_slots_.begin()).value();
    watch(attempt.stream.fd(), number, EPOLLIN, EPOLL_CTL_ADD);
    watch_output(attempt.out, number);
    const core::Duration own = assignment.spec.timeout;
    const core::Duration timeout = own > core::Duration::zero() ? own : timeout_;
    if (timeout > core::Duration::zero()) attempt.step_at = now + timeout;
    send(number, attempt,
         wire::Call{assignment, attempt.slot, first_job_slot_ + attempt.slot - 1, identity_.worker, identity_.group,
                    identity_.node});
  }
}

void IsolatedFunctions::stop(core::AttemptId id, core::Time now) {
  const auto found =
      std::find_if(attempts_.begin(), attempts_.end(), [&](const auto& entry) { return entry.second.id == id; });
  if (found == attempts_.end()) {
    if (std::erase_if(line_, [&](const core::Assignment& next) { return next.attempt == id; }) == 0) return;
    dropped_.push_back(id);
    return wake_up();
  }
  Attempt& attempt = found->second;
  attempt.step_at = attempt.ended_by == EndedBy::request ? now : now + kill_after_;
  attempt.ended_by = EndedBy::request;
  send(found->first, attempt, wire::Kill{{id}});
}

std::optional<core::Time> IsolatedFunctions::next_deadline() const {
  std::optional<core::Time> deadline;
  for (const auto& [number, attempt] : attempts_)
    if (attempt.step_at) deadline = std::min(deadline.value_or(*attempt.step_at), *attempt.step_at);
  return deadline;
}

void IsolatedFunctions::expire(core::Time now) {
  for (auto& [number, attempt] : attempts_) {
    if (!attempt.step_at || now < *attempt.step_at) continue;
    if (attempt.ended_by == EndedBy::nobody) {
      attempt.ended_by = EndedBy::timeout;
      attempt.step_at = now + kill_after_;
      send(number, attempt, wire::Kill{{attempt.id}});
    } else {
      attempt.step_at.reset();
      zygote_.kill(number);
    }
  }
}

void IsolatedFunctions::end_dropped(exec::AttemptHandler& handler) {
  for (const core::AttemptId id : std::exchange(dropped_, {})) {
    core::AttemptResult result;
    result.attempt = id;
    result.outcome = core::Killed{};
    result.started_at = wall_now();
    handler.on_ended(std::move(result));
  }
}

// --- what happens -----------------------------------------------------------------------------

void IsolatedFunctions::poll(core::Time now, std::size_t output_budget, exec::AttemptHandler& handler) {
  std::array<epoll_event, 64> events{};
  const int num = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  num_heard_ = 0;
  take_exits();
  settle_calls();
  end_dropped(handler);
  std::set<std::uint64_t> speaking = std::exchange(unheard_, {});
  for (int i = 0; i < num; ++i) speaking.insert(events[static_cast<std::size_t>(i)].data.u64);
  for (const std::uint64_t number : speaking)
    if (const auto found = attempts_.find(number); found != attempts_.end()) (void)hear(number, found->second, handler);
  expire(now);
  read_output(output_budget, handler);
  end_attempts(now, handler);
  send_pieces();
  acknowledge_calls();
  begin_next(now);
}

/// An attempt is over when its process is, and all that it said and printed has been heard.
void IsolatedFunctions::end_attempts(core::Time now, exec::AttemptHandler& handler) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    Attempt& attempt = it->second;
    const bool is_over =
        attempt.exit && hear(it->first, attempt, handler) && is_empty(attempt.out[0]) && is_empty(attempt.out[1]);
    // The tasks that it made go before its end.
    const bool is_handed_in = !is_over || calls_.wait_until_taken(*attempt.tally, core::Duration::zero());
    if (!is_handed_in) set_waiting(attempt, true, handler);
    if (is_over && is_handed_in) {
      handler.on_ended(result_of(attempt, now));
      if (attempt.is_active) --num_active_;
      if (attempt.slot != 0) free_slots_.insert(attempt.slot);
      it = attempts_.erase(it);
    } else {
      ++it;
    }
  }
}

// --- what they print --------------------------------------------------------------------------

void IsolatedFunctions::watch_output(const std::array<support::UniqueFd, 2>& fds, std::uint64_t number) {
  for (const core::Stream stream : kStreams) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = number << 1U | index_of(stream)}};
    if (::epoll_ctl(output_epoll_.get(), EPOLL_CTL_ADD, fds[index_of(stream)].get(), &event) < 0)
      throw system_error("cannot watch what a function prints", errno);
  }
}

/// Everyone gets a turn of one read before anyone gets another.
void IsolatedFunctions::read_output(std::size_t budget, exec::AttemptHandler& handler) {
  if (budget == 0) return;
  std::array<epoll_event, 64> events{};
  const int num = ::epoll_wait(output_epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < num; ++i) {
    const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
    const core::Stream stream = kStreams[data & 1U];
    const auto found = attempts_.find(data >> 1U);
    if (data >> 1U == kZygote)
      budget -= read_words(stream, budget, handler);
    else if (found != attempts_.end())
      budget -= read_output(found->second, stream, budget, handler);
  }
}

std::size_t IsolatedFunctions::read_output(Attempt& attempt, core::Stream stream, std::size_t budget,
                                           exec::AttemptHandler& handler) {
  const std::string_view bytes = read_some(attempt.out[index_of(stream)], budget);
  if (bytes.empty()) return 0;
  attempt.printed.take(stream, bytes);
  handler.on_output(attempt.id, stream, bytes);
  return bytes.size();
}

std::size_t IsolatedFunctions::read_words(core::Stream stream, std::size_t budget, exec::AttemptHandler& handler) {
  const std::string_view bytes = read_some(zygote_.own_output()[index_of(stream)], budget);
  if (const std::string lines = words_[index_of(stream)].take(bytes); !lines.empty()) handler.on_words(stream, lines);
  return bytes.size();
}

/// Valid until the next. A stream that has ended is closed.
std::string_view IsolatedFunctions::read_some(support::UniqueFd& fd, std::size_t budget) {
  const std::size_t wanted = std::min(budget, buffer_.size());
  if (wanted == 0 || !fd) return {};
  const ssize_t num = ::read(fd.get(), buffer_.data(), wanted);
  if (num > 0) return {buffer_.data(), static_cast<std::size_t>(num)};
  if (num == 0 || (errno != EAGAIN && errno != EINTR)) fd.reset();
  return {};
}

void IsolatedFunctions::take_last_output(exec::AttemptHandler& handler) {
  for (const core::Stream stream : kStreams) {
    while (!is_empty(zygote_.own_output()[index_of(stream)])) (void)read_words(stream, kReadBytes, handler);
    if (const std::string line = words_[index_of(stream)].take_rest(); !line.empty()) handler.on_words(stream, line);
  }
}

// --- the tasks that they make -----------------------------------------------------------------

void IsolatedFunctions::take_exits() {
  while (const std::optional<exec::Zygote::Exit> exit = zygote_.next_exit())
    if (const auto found = attempts_.find(exit->number); found != attempts_.end()) found->second.exit = *exit;
}

/// Whether all that it has said so far has been heard.
bool IsolatedFunctions::hear(std::uint64_t number, Attempt& attempt, exec::AttemptHandler& handler) {
  if (num_heard_ >= kMostMessagesInPoll) return false;
  attempt.stream.push();
  unheard_.erase(number);
  while (std::optional<wire::Message> message = attempt.stream.receive()) {
    take(number, attempt, *message, handler);
    if (++num_heard_ < kMostMessagesInPoll) continue;
    unheard_.insert(number);
    wake_up();
    return false;
  }
  watch_for_more(number, attempt);
  return true;
}

void IsolatedFunctions::take(std::uint64_t number, Attempt& attempt, wire::Message& message,
                             exec::AttemptHandler& handler) {
  if (auto* submitted = std::get_if<wire::Submit>(&message)) {
    submit(number, attempt, *submitted);
  } else if (const auto* withdraw = std::get_if<wire::Withdraw>(&message)) {
    for (const std::uint64_t call : withdraw->calls)
      if (const auto found = attempt.calls.find(call); found != attempt.calls.end()) calls_.cancel(found->second);
  } else if (const auto* fetch = std::get_if<wire::Fetch>(&message)) {
    attempt.fetches.push_back(*fetch);
  } else if (auto* progress = std::get_if<wire::Progress>(&message)) {
    calls_.tell(std::move(*progress));
  } else if (auto* report = std::get_if<wire::Report>(&message)) {
    if (!report->ended.empty())
      attempt.result = std::move(report->ended.front());
    else
      set_waiting(attempt, report->num_waiting > 0, handler);
  }
}

void IsolatedFunctions::set_waiting(Attempt& attempt, bool is_waiting, exec::AttemptHandler& handler) {
  if (attempt.is_active != is_waiting) return;
  attempt.is_active = !is_waiting;
  if (is_waiting) {
    --num_active_;
    if (attempt.slot != 0) free_slots_.insert(std::exchange(attempt.slot, 0));
  } else {
    // Without a slot if they are all taken: it goes on all the same.
    ++num_active_;
    if (!free_slots_.empty()) attempt.slot = free_slots_.extract(free_slots_.begin()).value();
  }
  handler.on_waiting(attempt.id, is_waiting);
}

void IsolatedFunctions::submit(std::uint64_t number, Attempt& attempt, wire::Submit& submit) {
  attempt.num_unacknowledged += submit.calls.size();
  for (wire::SubmittedCall& submitted : submit.calls) {
    const CallPtr call = calls_.add(std::move(submitted.spec), attempt.tally);
    attempt.calls.emplace(submitted.number, call);
    calls_.then(call, [inbox = inbox_, number, task = submitted.number] {
      const std::lock_guard lock(inbox->mutex);
      inbox->ended.emplace_back(number, task);
      signal(inbox->event.get());
    });
    calls_.on_progress(call, [inbox = inbox_, number, task = submitted.number](const CallProgress& progress) {
      const std::lock_guard lock(inbox->mutex);
      inbox->advanced.insert_or_assign({number, task}, progress);
      signal(inbox->event.get());
    });
  }
}

void IsolatedFunctions::wake_up() const {
  signal(inbox_->event.get());
}

/// Tells functions how far the tasks that they made have come, and what became of them.
void IsolatedFunctions::settle_calls() {
  std::uint64_t count = 0;
  if (::read(inbox_->event.get(), &count, sizeof count) < 0) return;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ended;
  std::map<std::pair<std::uint64_t, std::uint64_t>, CallProgress> advanced;
  {
    const std::lock_guard lock(inbox_->mutex);
    ended.swap(inbox_->ended);
    advanced.swap(inbox_->advanced);
  }
  for (auto& [who, progress] : advanced)
    if (const auto attempt = attempts_.find(who.first); attempt != attempts_.end())
      send(who.first, attempt->second, wire::Advanced{who.second, progress.fraction, std::move(progress.text)});
  std::map<std::uint64_t, wire::Settled> settled;
  for (const auto& [number, task] : ended) {
    const auto attempt = attempts_.find(number);
    if (attempt == attempts_.end()) continue;
    const auto call = attempt->second.calls.extract(task);
    if (!call) continue;
    CallEnd& end = calls_.wait(call.mapped());
    settled[number].calls.push_back({task, end.how, std::move(end.outcome), end.num_attempts, std::move(end.value)});
  }
  for (const auto& [number, message] : settled) {
    Attempt& attempt = attempts_.at(number);
    send(number, attempt, message);
  }
}

/// In large portions: a process only needs to hear before its window is full.
void IsolatedFunctions::acknowledge_calls() {
  if (!calls_.has_room()) return;
  for (auto& [number, attempt] : attempts_)
    if (attempt.num_unacknowledged >= wire::kCallWindow / 4)
      send(number, attempt, wire::SubmitAck{std::exchange(attempt.num_unacknowledged, 0)});
}

/// Of what has come here: a value comes once, and goes on to each process that wants it.
void IsolatedFunctions::send_pieces() {
  Shelf& shelf = calls_.shelf();
  for (auto& [number, attempt] : attempts_) {
    const auto is_to_come = std::stable_partition(attempt.fetches.begin(), attempt.fetches.end(),
                                                  [&](const wire::Fetch& fetch) { return !shelf.has(fetch.value); });
    for (auto fetch = is_to_come; fetch != attempt.fetches.end(); ++fetch) send(number, attempt, shelf.piece(*fetch));
    attempt.fetches.erase(is_to_come, attempt.fetches.end());
  }
}

core::AttemptResult IsolatedFunctions::result_of(Attempt& attempt, core::Time now) const {
  core::AttemptResult result;
  if (attempt.result) {
    result = std::move(*attempt.result);
  } else {
    result.attempt = attempt.id;
    result.runtime = now - attempt.started;
    result.started_at = wall_now() - std::chrono::floor<std::chrono::microseconds>(result.runtime).count();
    result.outcome = outcome_of(*attempt.exit);
  }
  attempt.printed.tell(result);
  result.cpu_time = attempt.exit->cpu_time;
  result.max_rss_kib = attempt.exit->max_rss_kib;
  if (attempt.ended_by == EndedBy::nobody) return result;
  result.value.clear();
  const int signal = WIFSIGNALED(attempt.exit->wait_status) ? WTERMSIG(attempt.exit->wait_status) : 0;
  result.outcome = attempt.ended_by == EndedBy::timeout ? core::Outcome(core::TimedOut{signal}) : core::Killed{};
  return result;
}

}  // namespace drover::runtime
