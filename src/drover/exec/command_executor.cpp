// The life of an attempt: start -> birth -> [TERM -> KILL] -> its process exits -> what it left in the pipes is
// read -> result. Its process may have been reaped before the word of its birth comes: until then it is known by the
// number that it has announced.
//
// The end of the process, not of its output, ends the attempt: something it left running may hold
// the pipes open for ever. Its group is killed before it is reaped, while its number cannot have been
// given to another group.

#include "drover/exec/command_executor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::exec {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;
constexpr std::size_t kMostStderrTail = 200;
constexpr std::size_t kMostEvents = 64;
/// epoll's data for the descriptors that are no stream's; streams have a task number shifted by one.
constexpr std::uint64_t kChildSignal = ~std::uint64_t{0};
constexpr std::uint64_t kBirths = kChildSignal - 1;
/// How long a start may take.
constexpr core::Duration kStartPatience = std::chrono::seconds(60);
/// What keeps commands from being started is told so often.
constexpr core::Duration kObstacleInterval = std::chrono::seconds(60);

constexpr std::size_t index_of(core::Stream stream) {
  return static_cast<std::size_t>(stream);
}

core::Duration to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// Whether nothing can be read from a pipe right now.
bool is_empty(int fd) {
  int num_bytes = 0;
  return ::ioctl(fd, FIONREAD, &num_bytes) < 0 || num_bytes == 0;
}

}  // namespace

void block_child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

CommandExecutor::CommandExecutor(core::ExecProfile profile, const Identity& identity, const Variables& origin,
                                 ProcessGuardian& guardian)
    : profile_(std::move(profile)),
      guardian_(guardian),
      spawner_(std::make_shared<CommandSpawner>(profile_, identity, origin, guardian)),
      strays_(profile_.run_dir),
      starter_([spawner = spawner_](const StartOrder& order) { return spawner->spawn(order); }),
      buffer_(kReadBytes) {
  guardian_.set_run(profile_.run_dir);
  block_child_signal();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  child_signal_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event child_event{.events = EPOLLIN, .data = {.u64 = kChildSignal}};
  epoll_event birth_event{.events = EPOLLIN, .data = {.u64 = kBirths}};
  if (!child_signal_ || !epoll_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child_signal_.get(), &child_event) < 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, starter_.fd(), &birth_event) < 0)
    throw system_error("cannot watch for commands that end", errno);
}

CommandExecutor::~CommandExecutor() {
  for (auto& [id, attempt] : attempts_) {
    if (attempt.is_exited()) continue;
    (void)starter_.withdraw(id);
    const pid_t group = attempt.is_started() ? attempt.pid : guardian_.group(attempt.slot).load();
    if (group > 0) ::kill(-group, SIGKILL);
    strays_.end(id);
    if (!attempt.is_started()) continue;  // what a start waits for may never come: its process ends with its thread
    guardian_.release(attempt.slot);
    while (::waitpid(attempt.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

// --- starting ---------------------------------------------------------------------------------

void CommandExecutor::start(core::AttemptId id, const core::TaskSpec& spec, const Placement& placement,
                            core::Time now) {
  Attempt& attempt = attempts_[id];
  attempt.id = id;
  attempt.slot = placement.slot;
  attempt.timeout = spec.timeout > core::Duration::zero() ? spec.timeout : profile_.timeout;
  attempt.started = now;
  std::string text = core::with_job_slot(spec.payload, spec.slot_marks, std::to_string(placement.job_slot));
  attempt.num_bytes = text.size();
  starting_.insert(id);
  guardian_.watch(placement.slot, id);
  strays_.begin(id);
  starter_.submit({id, std::move(text), placement});
}

void CommandExecutor::take_births(core::Time now) {
  for (Birth& birth : starter_.take()) {
    const auto found = attempts_.find(birth.attempt);
    if (found != attempts_.end())
      on_birth(found->second, std::move(birth), now);
    else if (birth.spawned.pid > 0)
      ::kill(-birth.spawned.pid, SIGKILL);  // it was given up meanwhile, and is reaped as nobody's
  }
}

void CommandExecutor::on_birth(Attempt& attempt, Birth birth, core::Time now) {
  starting_.erase(attempt.id);
  if (birth.spawned.pid < 0) {
    const bool is_ours = birth.is_given_up || attempt.ended_by != EndedBy::nobody;
    core::Outcome outcome = core::Killed{};
    if (!is_ours)
      outcome = core::NotStarted{birth.spawned.errno_value, spawner_->explain(birth.spawned, attempt.num_bytes)};
    return end_unborn(attempt.id, std::move(outcome), birth.began_wall);
  }
  attempt.pid = birth.spawned.pid;
  attempt.started = birth.began;
  attempt.started_wall = birth.began_wall;
  attempt.streams[index_of(core::Stream::out)].fd = std::move(birth.spawned.stdout_fd);
  attempt.streams[index_of(core::Stream::err)].fd = std::move(birth.spawned.stderr_fd);
  if (attempt.is_exited()) return on_end(attempt);  // it was quicker than the word of its birth
  by_pid_.emplace(attempt.pid, attempt.id);
  watch(attempt, core::Stream::out);
  watch(attempt, core::Stream::err);
  // How long its start took is not the command's doing.
  if (attempt.ended_by != EndedBy::nobody)
    signal(attempt, SIGTERM);
  else if (attempt.timeout > core::Duration::zero())
    attempt.signal_at = now + attempt.timeout;
}

/// One that has no process, and will not have one.
void CommandExecutor::end_unborn(core::AttemptId id, core::Outcome outcome, core::WallMicros at) {
  const Attempt& attempt = attempts_.at(id);
  core::AttemptResult result;
  result.attempt = id;
  result.started_at = at;
  if (const auto* reason = std::get_if<core::NotStarted>(&outcome))
    result.stderr_tail = reason->reason.substr(0, kMostStderrTail);
  result.outcome = std::move(outcome);
  not_started_.push_back(std::move(result));
  guardian_.release(attempt.slot);
  strays_.end(id);
  starting_.erase(id);
  attempts_.erase(id);
}

void CommandExecutor::watch(Attempt& attempt, core::Stream stream) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = attempt.id.task.value << 1U | index_of(stream)}};
  // Should the system have no room for it, the stream is read once the process has ended.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, attempt.streams[index_of(stream)].fd.get(), &event);
}

// --- ending -----------------------------------------------------------------------------------

void CommandExecutor::stop(core::AttemptId id, core::Time now) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.is_exited()) return;
  Attempt& attempt = found->second;
  if (starter_.withdraw(id)) return end_unborn(id, core::Killed{}, support::wall_now());
  const bool is_asked_again = attempt.ended_by != EndedBy::nobody;
  attempt.ended_by = EndedBy::request;
  attempt.signal_at = now + profile_.kill_after;
  if (attempt.is_started())
    signal(attempt, is_asked_again ? SIGKILL : SIGTERM);
  else if (is_asked_again)
    attempt.signal_at = now;
}

/// To the group, and to what its process has started outside of it.
void CommandExecutor::signal(Attempt& attempt, int signal) {
  for (const pid_t process : descendants_of(attempt.pid)) {
    if (::getpgid(process) == attempt.pid) continue;
    if (const auto outsider = identify(process)) attempt.outsiders.push_back(*outsider);
    ::kill(process, signal);
  }
  ::kill(-attempt.pid, signal);
  // A stopped process does not hear TERM before it goes on.
  if (signal != SIGKILL) ::kill(-attempt.pid, SIGCONT);
  strays_.signal(attempt.id, signal);
}

void CommandExecutor::send_due_signals(core::Time now) {
  for (auto& [id, attempt] : attempts_) {
    if (!attempt.is_started() || attempt.is_exited() || !attempt.signal_at || now < *attempt.signal_at) continue;
    if (attempt.ended_by == EndedBy::nobody) {
      attempt.ended_by = EndedBy::timeout;
      signal(attempt, SIGTERM);
      attempt.signal_at = now + profile_.kill_after;
    } else {
      signal(attempt, SIGKILL);
      attempt.signal_at = std::nullopt;
    }
  }
}

/// A start that hangs may do so for ever, as on a file server that is gone; killed, it comes to nothing when it goes
/// on.
void CommandExecutor::give_up_slow_starts(core::Time now) {
  const auto is_slow = [&](const Attempt& attempt) { return now - attempt.started >= kStartPatience; };
  std::vector<core::AttemptId> given_up;
  for (const core::AttemptId id : starting_) {
    const Attempt& attempt = attempts_.at(id);
    if (is_slow(attempt) || (attempt.signal_at && now >= *attempt.signal_at)) given_up.push_back(id);
  }
  for (const core::AttemptId id : given_up) {
    const Attempt& attempt = attempts_.at(id);
    if (!starter_.withdraw(id))
      if (const pid_t pid = guardian_.group(attempt.slot).load(); pid > 0) ::kill(pid, SIGKILL);
    if (is_slow(attempt))
      remarks_.push_back("task " + std::to_string(id.task.value) + " could not be started within " +
                         support::format_duration(kStartPatience) + ", and goes back to the queue");
    end_unborn(id, core::Killed{}, support::wall_now());
  }
}

std::optional<core::Time> CommandExecutor::next_deadline() const {
  if (!not_started_.empty()) return core::Time{};
  std::optional<core::Time> deadline = starter_.next_deadline();
  const auto note = [&](core::Time time) { deadline = std::min(deadline.value_or(time), time); };
  for (const auto& [id, attempt] : attempts_)
    if (!attempt.is_exited() && attempt.signal_at) note(*attempt.signal_at);
  for (const core::AttemptId id : starting_) note(attempts_.at(id).started + kStartPatience);
  return deadline;
}

void CommandExecutor::poll(core::Time now, std::size_t output_budget, AttemptHandler& handler) {
  collect_events();
  take_births(now);
  if (has_child_signal_) reap(now);
  give_up_slow_starts(now);
  send_due_signals(now);
  for (core::AttemptResult& result : std::exchange(not_started_, {})) handler.on_ended(std::move(result));
  read_streams(output_budget, handler);
}

std::vector<std::string> CommandExecutor::take_remarks(core::Time now) {
  for (std::string& remark : strays_.take_remarks()) remarks_.push_back(std::move(remark));
  const std::string obstacle = starter_.obstacle();
  if (!obstacle.empty() && (!obstacle_told_ || now - *obstacle_told_ >= kObstacleInterval)) {
    obstacle_told_ = now;
    remarks_.push_back("cannot start commands for now (" + obstacle + "): " + std::to_string(starting_.size()) +
                       " wait, " + std::to_string(attempts_.size() - starting_.size()) + " run");
  }
  return std::exchange(remarks_, {});
}

void CommandExecutor::collect_events() {
  std::array<epoll_event, kMostEvents> events{};
  const int num = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < num; ++i) {
    const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
    if (data == kChildSignal) {
      signalfd_siginfo info{};
      while (::read(child_signal_.get(), &info, sizeof info) > 0) {
      }
      has_child_signal_ = true;
      continue;
    }
    if (data == kBirths) continue;  // taken in any case
    const auto found = attempts_.lower_bound({core::TaskId(data >> 1U), 0});
    if (found != attempts_.end() && found->first.task.value == data >> 1U)
      found->second.streams[data & 1U].is_ready = true;
  }
}

/// Signals of several children may have become one: takes all that have exited, orphans too.
void CommandExecutor::reap(core::Time now) {
  has_child_signal_ = false;
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    const pid_t pid = info.si_pid;
    Attempt* const attempt = attempt_with(pid);
    if (attempt != nullptr) {
      ::kill(-pid, SIGKILL);
      // The next try of its start may have another number by now.
      pid_t announced = pid;
      guardian_.group(attempt->slot).compare_exchange_strong(announced, 0);
    }
    rusage usage{};
    int status = 0;
    ::wait4(pid, &status, 0, &usage);
    if (attempt == nullptr) continue;
    on_exit(*attempt, {pid, now, status, to_duration(usage.ru_utime) + to_duration(usage.ru_stime),
                       static_cast<std::uint64_t>(usage.ru_maxrss)});
  }
}

/// That executes this process, or is said to by the process itself.
CommandExecutor::Attempt* CommandExecutor::attempt_with(pid_t pid) {
  if (const auto known = by_pid_.find(pid); known != by_pid_.end()) return &attempts_.at(known->second);
  for (const core::AttemptId id : starting_)
    if (Attempt& attempt = attempts_.at(id); guardian_.group(attempt.slot).load() == pid) return &attempt;
  return nullptr;
}

/// Of one that is still to be started, nobody knows yet whether it executed anything.
void CommandExecutor::on_exit(Attempt& attempt, const Exit& exit) {
  attempt.exit = exit;
  if (by_pid_.erase(exit.pid) == 0) return;
  on_end(attempt);
}

/// Its process has ended: so does what that has left behind.
void CommandExecutor::on_end(Attempt& attempt) {
  for (const ProcessId& outsider : attempt.outsiders)
    if (identify(outsider.pid) == outsider) ::kill(outsider.pid, SIGKILL);
  guardian_.release(attempt.slot);
  strays_.end(attempt.id);
}

/// Everyone gets a turn of one read before anyone gets another.
void CommandExecutor::read_streams(std::size_t budget, AttemptHandler& handler) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    Attempt& attempt = it->second;
    for (const core::Stream stream : {core::Stream::out, core::Stream::err}) {
      const OutputStream& output = attempt.streams[index_of(stream)];
      if (output.fd && (output.is_ready || attempt.is_exited()))
        budget -= read_stream(attempt, stream, budget, handler);
    }
    if (attempt.is_exited() && is_drained(attempt)) {
      core::AttemptResult result = result_of(attempt);
      it = attempts_.erase(it);
      handler.on_ended(std::move(result));
    } else {
      ++it;
    }
  }
}

std::size_t CommandExecutor::read_stream(Attempt& attempt, core::Stream stream, std::size_t budget,
                                         AttemptHandler& handler) {
  OutputStream& output = attempt.streams[index_of(stream)];
  output.is_ready = false;
  const std::size_t wanted = std::min(budget, buffer_.size());
  if (wanted == 0) return 0;
  const ssize_t num = ::read(output.fd.get(), buffer_.data(), wanted);
  if (num < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (num <= 0) {
    output.fd.reset();
    return 0;
  }
  const std::span<const char> bytes(buffer_.data(), static_cast<std::size_t>(num));
  output.num_bytes += bytes.size();
  if (stream == core::Stream::err) attempt.stderr_tail.take(bytes);
  handler.on_output(attempt.id, stream, bytes);
  return bytes.size();
}

bool CommandExecutor::is_drained(const Attempt& attempt) {
  return std::all_of(attempt.streams.begin(), attempt.streams.end(),
                     [](const OutputStream& output) { return !output.fd || is_empty(output.fd.get()); });
}

core::AttemptResult CommandExecutor::result_of(const Attempt& attempt) {
  core::AttemptResult result;
  result.attempt = attempt.id;
  result.outcome = outcome_of(attempt);
  result.started_at = attempt.started_wall;
  result.runtime = std::max(attempt.exit->at - attempt.started, core::Duration::zero());
  result.stdout_bytes = attempt.streams[index_of(core::Stream::out)].num_bytes;
  result.stderr_bytes = attempt.streams[index_of(core::Stream::err)].num_bytes;
  result.cpu_time = attempt.exit->cpu_time;
  result.max_rss_kib = attempt.exit->max_rss_kib;
  result.stderr_tail = attempt.stderr_tail.line();
  return result;
}

/// What drover did comes before what the process made of it: one that exits 0 on TERM after its time
/// limit has timed out all the same.
core::Outcome CommandExecutor::outcome_of(const Attempt& attempt) {
  const int signal = WIFSIGNALED(attempt.exit->wait_status) ? WTERMSIG(attempt.exit->wait_status) : 0;
  switch (attempt.ended_by) {
    case EndedBy::request:
      return core::Killed{};
    case EndedBy::timeout:
      return core::TimedOut{signal};
    case EndedBy::nobody:
      break;
  }
  if (signal != 0) return core::Signaled{signal};
  return core::Exited{WEXITSTATUS(attempt.exit->wait_status)};
}

}  // namespace drover::exec
