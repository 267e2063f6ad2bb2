// mpirun gets a session of its own: the terminal's Ctrl-C must reach the supervisor alone, because
// mpirun's answer to it is to kill every rank. What mpirun and the ranks say on their own standard
// streams is kept to explain a failure, and not shown otherwise.
//
// Orphans of a dead mpirun become the supervisor's children (it is their subreaper), so that it can
// find and end them.

#include "drover/runtime/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "drover/runtime/child_process.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/mpirun_words.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/support/error.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How long mpirun has to end after the master said its status, and then after each signal.
constexpr core::Duration kEndGrace = 5s;
constexpr core::Duration kKillGrace = 3s;
/// The pauses between jobs that come to nothing double up to this.
constexpr core::Duration kLongestDelay = 1min;
/// The same when we were told to terminate: whoever did so may not wait long.
constexpr core::Duration kTerminatedGrace = 500ms;
constexpr std::size_t kMostDiagnosticBytes = 8192;
constexpr int kInternalFailure = 125;
constexpr int kTimeIsUp = 124;

/// Both ends of a pipe.
struct Pipe {
  support::UniqueFd read_end;
  support::UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw system_error("cannot open a pipe for mpirun's messages", errno);
  return {support::UniqueFd(ends[0]), support::UniqueFd(ends[1])};
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));  // exec's signature
  pointers.push_back(nullptr);
  return pointers;
}

/// Children of this process, which has one thread.
std::vector<pid_t> children() {
  std::ifstream file("/proc/thread-self/children");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

/// Where there is no master that would know better. Slurm's SIGTERM says that the time of the job is up.
int status_of_signal(int signal) {
  const bool is_time_up = signal == SIGUSR1 || (signal == SIGTERM && std::getenv("SLURM_JOB_ID") != nullptr);
  return is_time_up ? kTimeIsUp : 128 + signal;
}

/// How an MPI job came to its end.
struct JobEnd {
  /// What the master said, or what a signal that came before there was one means.
  std::optional<int> exit_status;
  /// Where its run is kept, once there was one.
  std::string run_dir;
  HostChanges changes;  ///< for the next
  bool has_progressed = false;
  /// Why it ended without a status.
  std::string reason;
  std::string diagnostics;
  bool is_terminated = false;  ///< by SIGTERM, so that nothing follows it
};

/// One MPI job, from its start to the end of all its processes here.
class Job {
 public:
  Job(const std::vector<std::string>& command, SignalInbox& signals);
  ~Job() { end_all(SIGKILL); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  JobEnd run();

 private:
  void start(const std::vector<std::string>& command, support::UniqueFd output);
  void wait_for_something(core::Time deadline);
  void pass_on_signals();
  void read_diagnostics();
  void reap();
  void end_in_time(core::Time now);
  void end_all(int signal);
  [[nodiscard]] bool is_over() const { return listener_.exit_status() || listener_.rollover_reason(); }
  [[nodiscard]] JobEnd end() const;

  SignalInbox& signals_;
  SupervisorListener listener_;
  support::UniqueFd diagnostics_fd_;
  std::string diagnostics_;
  pid_t mpirun_ = -1;
  bool is_mpirun_running_ = true;
  int mpirun_status_ = 0;
  bool is_master_gone_ = false;
  bool is_terminated_ = false;           ///< by SIGTERM
  std::optional<int> early_signal_;      ///< came before there was a master to pass it on to
  std::optional<core::Time> next_step_;  ///< when to use more force, once the end is due
  int num_steps_ = 0;
};

Job::Job(const std::vector<std::string>& command, SignalInbox& signals) : signals_(signals) {
  Pipe pipe = make_pipe();
  diagnostics_fd_ = std::move(pipe.read_end);
  ::fcntl(diagnostics_fd_.get(), F_SETFL, O_NONBLOCK);
  start(command, std::move(pipe.write_end));
}

void Job::start(const std::vector<std::string>& command, support::UniqueFd output) {
  const std::vector<char*> argv = c_strings(command);
  const support::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t supervisor = ::getpid();
  if (::setenv(kSupervisorVariable, listener_.name().c_str(), 1) < 0)
    throw system_error("cannot set the environment", errno);
  Pipe exec_error = make_pipe();
  mpirun_ = ::fork();
  if (mpirun_ < 0) throw system_error("cannot start mpirun", errno);
  if (mpirun_ == 0) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != supervisor) ::_exit(kInternalFailure);
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(output.get(), STDOUT_FILENO);
    ::dup2(output.get(), STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(argv[0], argv.data());
    const int reason = errno;
    (void)!::write(exec_error.write_end.get(), &reason, sizeof reason);
    ::_exit(kInternalFailure);
  }
  exec_error.write_end.reset();
  int reason = 0;
  if (::read(exec_error.read_end.get(), &reason, sizeof reason) > 0)
    throw system_error("cannot start '" + command.front() + "': is Open MPI installed and in PATH?", reason);
}

JobEnd Job::run() {
  while (is_mpirun_running_) {
    const core::Time now = runtime::now();
    // A master that is gone without a word has left workers that nobody needs.
    if (!next_step_ && is_over()) next_step_ = now + (is_terminated_ ? kTerminatedGrace : kEndGrace);
    if (is_master_gone_ && !is_over() && num_steps_ == 0) next_step_ = now;
    end_in_time(now);
    wait_for_something(next_step_.value_or(now + 1h));
    pass_on_signals();
    read_diagnostics();
    reap();
  }
  return end();
}

void Job::wait_for_something(core::Time deadline) {
  std::array<pollfd, 3> polled{{{signals_.fd(), POLLIN, 0},
                                {diagnostics_fd_.get(), POLLIN, 0},
                                {is_master_gone_ ? -1 : listener_.fd(), POLLIN, 0}}};
  const auto pause =
      std::chrono::ceil<std::chrono::milliseconds>(std::max(deadline - runtime::now(), core::Duration::zero()));
  if (::poll(polled.data(), polled.size(), static_cast<int>(pause.count())) <= 0) return;
  if (polled[2].revents != 0) is_master_gone_ = !listener_.process();
}

/// The master knows what a signal means. One that comes before there is a master ends the start.
void Job::pass_on_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    if (*signal == SIGCHLD) continue;
    is_terminated_ = is_terminated_ || *signal == SIGTERM;
    if (listener_.master_pid() && !is_master_gone_) {
      ::kill(*listener_.master_pid(), *signal);
    } else if (!listener_.is_connected()) {
      early_signal_ = signal;
      end_all(SIGTERM);
    }
  }
}

void Job::read_diagnostics() {
  std::array<char, 4096> buffer{};
  for (ssize_t num = 0; (num = ::read(diagnostics_fd_.get(), buffer.data(), buffer.size())) > 0;) {
    diagnostics_.append(buffer.data(), static_cast<std::size_t>(num));
    if (diagnostics_.size() > 2 * kMostDiagnosticBytes)
      diagnostics_.erase(0, diagnostics_.size() - kMostDiagnosticBytes);
  }
}

void Job::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != mpirun_) continue;
    is_mpirun_running_ = false;
    mpirun_status_ = status;
  }
}

/// Once the batch is over, mpirun has a while to end by itself, then is told to, then is made to.
void Job::end_in_time(core::Time now) {
  if (!next_step_ || now < *next_step_) return;
  end_all(num_steps_++ == 0 ? SIGTERM : SIGKILL);
  next_step_ = now + kKillGrace;
}

void Job::end_all(int signal) {
  for (const pid_t pid : children()) ::kill(pid, signal);
}

JobEnd Job::end() const {
  JobEnd end{listener_.exit_status(),
             listener_.run_dir(),
             listener_.host_changes(),
             listener_.has_progressed(),
             listener_.rollover_reason().value_or(""),
             diagnostics_,
             is_terminated_};
  if (early_signal_) end.exit_status = status_of_signal(*early_signal_);
  if (end.exit_status || !end.reason.empty()) return end;
  if (const std::optional<std::string> host = lost_host(diagnostics_))
    end.reason = "host " + *host + " is lost, and the MPI job with it";
  else if (listener_.is_connected())
    end.reason = "the master died before the batch was over";
  else
    end.reason = "mpirun could not start the ranks";
  end.reason += " (mpirun: " + describe_wait_status(mpirun_status_) + ")";
  return end;
}

/// Waits before a rollover; false if a signal says not to.
bool pause(core::Duration length, SignalInbox& signals, int& signal) {
  const core::Time until = runtime::now() + length;
  while (runtime::now() < until) {
    pollfd polled{signals.fd(), POLLIN, 0};
    ::poll(&polled, 1, 50);
    while (const std::optional<int> next = signals.next()) {
      if (*next == SIGCHLD) continue;
      signal = *next;
      return false;
    }
  }
  return true;
}

SupervisorResult stopped(int signal, const SupervisorPlan& plan, const std::string& run_dir) {
  return {status_of_signal(signal), "stopped; go on with: " + plan.resume_command(run_dir), run_dir};
}

}  // namespace

SupervisorResult supervise(SupervisorPlan plan) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
  SignalInbox signals{SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};
  MpirunCommand command = std::move(plan.start);
  core::Duration delay = plan.rollover_delay;
  for (unsigned num_rollovers = 0;;) {
    const JobEnd end = Job(command.words, signals).run();
    if (end.exit_status) return {*end.exit_status, "", ""};
    const std::string diagnostics = end.diagnostics.empty() ? "" : ":\n" + end.diagnostics;
    if (end.run_dir.empty() || !plan.resume) return {kInternalFailure, end.reason + diagnostics, end.run_dir};
    if (end.is_terminated) return stopped(SIGTERM, plan, end.run_dir);
    if (end.changes.is_empty() && num_rollovers >= plan.max_rollovers)
      return {kInternalFailure,
              end.reason + ", and " + std::to_string(num_rollovers) +
                  " rollovers were all there may be; go on with: " + plan.resume_command(end.run_dir) + diagnostics,
              end.run_dir};
    if (!end.changes.is_empty()) {
      plan.say(end.reason + ": going on from the journal");
    } else {
      plan.say(end.reason + ": going on from the journal (rollover " + std::to_string(++num_rollovers) + " of " +
               std::to_string(plan.max_rollovers) + ")");
      if (end.has_progressed) delay = plan.rollover_delay;
      int signal = 0;
      if (!pause(delay, signals, signal)) return stopped(signal, plan, end.run_dir);
      delay = std::min(delay * 2, kLongestDelay);
    }
    try {
      command = plan.resume(end.run_dir, end.changes);
    } catch (const Error& e) {
      return {kInternalFailure, e.what() + ("; go on with: " + plan.resume_command(end.run_dir)), end.run_dir};
    }
  }
}

}  // namespace drover::runtime
