// The life of an attempt: start -> [TERM -> KILL] -> its process exits -> what it left in the pipes is
// read -> result.
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

#include "drover/exec/plain_command.hpp"
#include "drover/exec/spawn.hpp"
#include "drover/support/error.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::exec {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;
constexpr std::size_t kMostStderrTail = 200;
constexpr std::size_t kMostEvents = 64;
/// epoll's data for the signal descriptor; streams have a task number shifted by one.
constexpr std::uint64_t kChildSignal = ~std::uint64_t{0};

constexpr std::size_t index_of(core::Stream stream) {
  return static_cast<std::size_t>(stream);
}

core::Duration to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::string reason_text(int errno_value) {
  return std::generic_category().message(errno_value);
}

std::vector<char*> argument_vector(std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return pointers;
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

CommandExecutor::CommandExecutor(core::ExecProfile profile, const Identity& identity, ProcessGuardian& guardian)
    : profile_(std::move(profile)), environment_(profile_, identity), guardian_(guardian), buffer_(kReadBytes) {
  shell_path_ = find_program(profile_.shell);
  null_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null_) throw system_error("cannot open /dev/null", errno);
  block_child_signal();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  child_signal_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kChildSignal}};
  if (!child_signal_ || !epoll_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child_signal_.get(), &event) < 0)
    throw system_error("cannot watch for commands that end", errno);
}

CommandExecutor::~CommandExecutor() {
  for (auto& [id, attempt] : attempts_) {
    if (attempt.is_exited) continue;
    ::kill(-attempt.pid, SIGKILL);
    guardian_.release(attempt.slot);
    while (::waitpid(attempt.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

// --- starting ---------------------------------------------------------------------------------

void CommandExecutor::start(core::AttemptId id, const core::TaskSpec& spec, const Placement& placement,
                            core::Time now) {
  const core::WallMicros wall = support::wall_now();
  const std::string text = core::with_job_slot(spec.payload, spec.slot_marks, std::to_string(placement.job_slot));
  Spawned spawned = spawn_command(text, id, placement);
  if (spawned.pid < 0) {
    core::AttemptResult result;
    result.attempt = id;
    result.started_at = wall;
    std::string reason = explain(spawned, text.size());
    result.stderr_tail = reason.substr(0, kMostStderrTail);
    result.outcome = core::NotStarted{spawned.errno_value, std::move(reason)};
    not_started_.push_back(std::move(result));
    return;
  }
  Attempt& attempt = attempts_[id];
  attempt.id = id;
  attempt.slot = placement.slot;
  attempt.pid = spawned.pid;
  attempt.started = now;
  attempt.started_wall = wall;
  const core::Duration timeout = spec.timeout > core::Duration::zero() ? spec.timeout : profile_.timeout;
  if (timeout > core::Duration::zero()) attempt.signal_at = now + timeout;
  attempt.streams[index_of(core::Stream::out)].fd = std::move(spawned.stdout_fd);
  attempt.streams[index_of(core::Stream::err)].fd = std::move(spawned.stderr_fd);
  guardian_.watch(placement.slot, spawned.pid);
  by_pid_.emplace(spawned.pid, id);
  watch(attempt, core::Stream::out);
  watch(attempt, core::Stream::err);
}

Spawned CommandExecutor::spawn_command(const std::string& text, core::AttemptId id, const Placement& placement) {
  if (text.find('\0') != std::string::npos) {
    Spawned refused;
    refused.errno_value = EINVAL;
    return refused;
  }
  SpawnRequest request;
  request.envp = environment_.for_attempt(id, placement).data();
  request.workdir = profile_.workdir.empty() ? nullptr : profile_.workdir.c_str();
  request.stdin_fd = null_.get();
  std::vector<std::string> shell_words{profile_.shell, "-c", text};
  const std::vector<char*> shell_argv = argument_vector(shell_words);
  std::optional<std::vector<std::string>> words = split_plain_command(text);
  std::vector<char*> direct_argv;
  std::string program;
  // A function that bash exports goes before a program of the same name.
  if (words && !environment_.value("BASH_FUNC_" + words->front() + "%%").empty()) words.reset();
  if (words) {
    program = find_program(words->front());
    direct_argv = argument_vector(*words);
    if (!program.empty()) request.candidates.push_back({program.c_str(), direct_argv.data()});
  }
  // The shell also has the say on what could not be executed directly, in words that people know.
  request.candidates.push_back({shell_path_.empty() ? profile_.shell.c_str() : shell_path_.c_str(), shell_argv.data()});
  Spawned spawned = spawn(request);
  if (spawned.pid < 0 && words) programs_.erase(words->front());
  return spawned;
}

std::string CommandExecutor::explain(const Spawned& spawned, std::size_t num_bytes) const {
  const std::string reason = reason_text(spawned.errno_value);
  if (spawned.failed_call.empty()) return "the command contains a NUL byte";
  if (spawned.failed_call == "chdir") return "cannot change to directory '" + profile_.workdir + "': " + reason;
  if (spawned.errno_value == E2BIG)
    return "the command of " + std::to_string(num_bytes) + " bytes is too long for this system (E2BIG)";
  if (spawned.failed_call == "exec") return "cannot execute shell '" + profile_.shell + "': " + reason;
  return spawned.failed_call + ": " + reason;
}

/// The path of a program as a shell would find it; empty if there is none.
std::string CommandExecutor::find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  if (const auto known = programs_.find(name); known != programs_.end()) return known->second;
  std::string_view path = environment_.value("PATH");
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    const std::string candidate = (directory.empty() ? "." : std::string(directory)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return programs_[name] = candidate;
  }
  return {};
}

void CommandExecutor::watch(Attempt& attempt, core::Stream stream) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = attempt.id.task.value << 1U | index_of(stream)}};
  // Should the system have no room for it, the stream is read once the process has ended.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, attempt.streams[index_of(stream)].fd.get(), &event);
}

// --- ending -----------------------------------------------------------------------------------

void CommandExecutor::stop(core::AttemptId id, core::Time now) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.is_exited) return;
  Attempt& attempt = found->second;
  const bool is_asked_again = attempt.ended_by != EndedBy::nobody;
  attempt.ended_by = EndedBy::request;
  ::kill(-attempt.pid, is_asked_again ? SIGKILL : SIGTERM);
  attempt.signal_at = now + profile_.kill_after;
}

void CommandExecutor::send_due_signals(core::Time now) {
  for (auto& [id, attempt] : attempts_) {
    if (attempt.is_exited || !attempt.signal_at || now < *attempt.signal_at) continue;
    if (attempt.ended_by == EndedBy::nobody) {
      attempt.ended_by = EndedBy::timeout;
      ::kill(-attempt.pid, SIGTERM);
      // A stopped process does not hear TERM before it goes on.
      ::kill(-attempt.pid, SIGCONT);
      attempt.signal_at = now + profile_.kill_after;
    } else {
      ::kill(-attempt.pid, SIGKILL);
      attempt.signal_at = std::nullopt;
    }
  }
}

std::optional<core::Time> CommandExecutor::next_deadline() const {
  if (!not_started_.empty()) return core::Time{};
  std::optional<core::Time> deadline;
  for (const auto& [id, attempt] : attempts_)
    if (!attempt.is_exited && attempt.signal_at)
      deadline = std::min(deadline.value_or(*attempt.signal_at), *attempt.signal_at);
  return deadline;
}

void CommandExecutor::poll(core::Time now, std::size_t output_budget, AttemptHandler& handler) {
  for (core::AttemptResult& result : std::exchange(not_started_, {})) handler.on_ended(std::move(result));
  collect_events();
  if (has_child_signal_) reap(now);
  send_due_signals(now);
  read_streams(output_budget, handler);
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
    const auto found = attempts_.lower_bound({core::TaskId(data >> 1U), 0});
    if (found != attempts_.end() && found->first.task.value == data >> 1U)
      found->second.streams[data & 1U].is_ready = true;
  }
}

/// Signals of several children may have become one: takes all that have exited.
void CommandExecutor::reap(core::Time now) {
  has_child_signal_ = false;
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    const auto found = by_pid_.find(info.si_pid);
    if (found != by_pid_.end()) {
      ::kill(-info.si_pid, SIGKILL);
      guardian_.release(attempts_.at(found->second).slot);
    }
    rusage usage{};
    int status = 0;
    ::wait4(info.si_pid, &status, 0, &usage);
    if (found == by_pid_.end()) continue;
    Attempt& attempt = attempts_.at(found->second);
    by_pid_.erase(found);
    attempt.is_exited = true;
    attempt.exited = now;
    attempt.wait_status = status;
    attempt.cpu_time = to_duration(usage.ru_utime) + to_duration(usage.ru_stime);
    attempt.max_rss_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
  }
}

/// Everyone gets a turn of one read before anyone gets another.
void CommandExecutor::read_streams(std::size_t budget, AttemptHandler& handler) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    Attempt& attempt = it->second;
    for (const core::Stream stream : {core::Stream::out, core::Stream::err}) {
      const OutputStream& output = attempt.streams[index_of(stream)];
      if (output.fd && (output.is_ready || attempt.is_exited)) budget -= read_stream(attempt, stream, budget, handler);
    }
    if (attempt.is_exited && is_drained(attempt)) {
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
  result.runtime = std::max(attempt.exited - attempt.started, core::Duration::zero());
  result.stdout_bytes = attempt.streams[index_of(core::Stream::out)].num_bytes;
  result.stderr_bytes = attempt.streams[index_of(core::Stream::err)].num_bytes;
  result.cpu_time = attempt.cpu_time;
  result.max_rss_kib = attempt.max_rss_kib;
  result.stderr_tail = attempt.stderr_tail.line();
  return result;
}

/// What drover did comes before what the process made of it: one that exits 0 on TERM after its time
/// limit has timed out all the same.
core::Outcome CommandExecutor::outcome_of(const Attempt& attempt) {
  const int signal = WIFSIGNALED(attempt.wait_status) ? WTERMSIG(attempt.wait_status) : 0;
  switch (attempt.ended_by) {
    case EndedBy::request:
      return core::Killed{};
    case EndedBy::timeout:
      return core::TimedOut{signal};
    case EndedBy::nobody:
      break;
  }
  if (signal != 0) return core::Signaled{signal};
  return core::Exited{WEXITSTATUS(attempt.wait_status)};
}

}  // namespace drover::exec
