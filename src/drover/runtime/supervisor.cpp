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

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/supervisor_link.hpp"
#include "drover/support/error.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How long mpirun has to end after the master said its status, and then after each signal.
constexpr core::Duration kEndGrace = 10s;
constexpr core::Duration kKillGrace = 3s;
constexpr std::size_t kMostDiagnosticBytes = 8192;
constexpr int kInternalFailure = 125;

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

class Supervision {
 public:
  explicit Supervision(const std::vector<std::string>& command);
  ~Supervision() { end_all(SIGKILL); }
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  SupervisorResult run();

 private:
  void start(const std::vector<std::string>& command, support::UniqueFd output);
  void wait_for_something(core::Time deadline);
  void pass_on_signals();
  void read_diagnostics();
  void reap();
  void end_in_time(core::Time now);
  void end_all(int signal);
  [[nodiscard]] SupervisorResult result() const;

  SignalInbox signals_{SIGINT, SIGTERM, SIGHUP, SIGCHLD};
  SupervisorListener listener_;
  support::UniqueFd diagnostics_fd_;
  std::string diagnostics_;
  pid_t mpirun_ = -1;
  bool is_mpirun_running_ = true;
  int mpirun_status_ = 0;
  bool is_master_gone_ = false;
  std::optional<int> early_signal_;      ///< came before there was a master to pass it on to
  std::optional<core::Time> next_step_;  ///< when to use more force, once the end is due
  int num_steps_ = 0;
};

Supervision::Supervision(const std::vector<std::string>& command) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
  Pipe pipe = make_pipe();
  diagnostics_fd_ = std::move(pipe.read_end);
  ::fcntl(diagnostics_fd_.get(), F_SETFL, O_NONBLOCK);
  start(command, std::move(pipe.write_end));
}

void Supervision::start(const std::vector<std::string>& command, support::UniqueFd output) {
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

SupervisorResult Supervision::run() {
  while (is_mpirun_running_) {
    const core::Time now = runtime::now();
    if (!next_step_ && (is_master_gone_ || listener_.exit_status())) next_step_ = now + kEndGrace;
    end_in_time(now);
    wait_for_something(next_step_.value_or(now + 1h));
    pass_on_signals();
    read_diagnostics();
    reap();
  }
  return result();
}

void Supervision::wait_for_something(core::Time deadline) {
  std::array<pollfd, 3> polled{{{signals_.fd(), POLLIN, 0},
                                {diagnostics_fd_.get(), POLLIN, 0},
                                {is_master_gone_ ? -1 : listener_.fd(), POLLIN, 0}}};
  const auto pause =
      std::chrono::ceil<std::chrono::milliseconds>(std::max(deadline - runtime::now(), core::Duration::zero()));
  if (::poll(polled.data(), polled.size(), static_cast<int>(pause.count())) <= 0) return;
  if (polled[2].revents != 0) is_master_gone_ = !listener_.process();
}

/// The master knows what a signal means. One that comes before there is a master ends the start.
void Supervision::pass_on_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    if (*signal == SIGCHLD) continue;
    if (listener_.master_pid() && !is_master_gone_) {
      ::kill(*listener_.master_pid(), *signal);
    } else if (!listener_.is_connected()) {
      early_signal_ = signal;
      end_all(SIGTERM);
    }
  }
}

void Supervision::read_diagnostics() {
  std::array<char, 4096> buffer{};
  for (ssize_t num = 0; (num = ::read(diagnostics_fd_.get(), buffer.data(), buffer.size())) > 0;) {
    diagnostics_.append(buffer.data(), static_cast<std::size_t>(num));
    if (diagnostics_.size() > 2 * kMostDiagnosticBytes)
      diagnostics_.erase(0, diagnostics_.size() - kMostDiagnosticBytes);
  }
}

void Supervision::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != mpirun_) continue;
    is_mpirun_running_ = false;
    mpirun_status_ = status;
  }
}

/// Once the batch is over, mpirun has a while to end by itself, then is told to, then is made to.
void Supervision::end_in_time(core::Time now) {
  if (!next_step_ || now < *next_step_) return;
  end_all(num_steps_++ == 0 ? SIGTERM : SIGKILL);
  next_step_ = now + kKillGrace;
}

void Supervision::end_all(int signal) {
  for (const pid_t pid : children()) ::kill(pid, signal);
}

SupervisorResult Supervision::result() const {
  if (const std::optional<int> status = listener_.exit_status()) return {*status, ""};
  if (early_signal_) return {128 + *early_signal_, ""};
  const std::string how = WIFSIGNALED(mpirun_status_) ? "killed by signal " + std::to_string(WTERMSIG(mpirun_status_))
                                                      : "exit status " + std::to_string(WEXITSTATUS(mpirun_status_));
  const std::string what =
      listener_.is_connected() ? "the master died before the batch was over" : "mpirun could not start the ranks";
  return {kInternalFailure, what + " (mpirun: " + how + ")" + (diagnostics_.empty() ? "" : ":\n" + diagnostics_)};
}

}  // namespace

SupervisorResult supervise(const std::vector<std::string>& command) {
  return Supervision(command).run();
}

}  // namespace drover::runtime
