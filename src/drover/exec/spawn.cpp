// vfork: the child borrows this process's memory until it executes something else, so nothing is
// copied, however large this process is; and it can say through that memory what went wrong. Until
// then it must do nothing but async-signal-safe calls, and must not return.

#include "drover/exec/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace drover::exec {

namespace {

enum class Step : int { none, chdir, exec };
/// What parent and child share.
struct Handover {
  const SpawnRequest* request = nullptr;
  int stdout_fd = -1;
  int stderr_fd = -1;
  pid_t parent = -1;
  volatile int errno_value = 0;
  volatile Step failed{};
};

void limit_open_files(std::uint64_t num) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = num;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Runs in the borrowed memory. Signals are still blocked as in the parent, which has no handlers
/// that could run here.
[[noreturn]] void run_child(Handover& handover) {
  const SpawnRequest& request = *handover.request;
  if (request.has_own_session)
    ::setsid();
  else
    ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, request.death_signal);
  if (::getppid() != handover.parent) ::_exit(1);
  if (request.announce != nullptr) request.announce->store(::getpid());
  ::dup2(request.stdin_fd, STDIN_FILENO);
  ::dup2(handover.stdout_fd, STDOUT_FILENO);
  ::dup2(handover.stderr_fd, STDERR_FILENO);
  // Whatever is open here without being closed by exec: the launcher's, or a library's.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (request.open_files) limit_open_files(*request.open_files);
  for (const int signal : request.ignored_signals) ::signal(signal, SIG_DFL);
  for (const int signal : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1}) {
    // What came to the worker's group before this process left it is not meant for it: ignoring drops it.
    ::signal(signal, SIG_IGN);
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (request.workdir != nullptr && ::chdir(request.workdir) < 0) {
    handover.errno_value = errno;
    handover.failed = Step::chdir;
    ::_exit(127);
  }
  for (const ExecCandidate& candidate : request.candidates) {
    ::execve(candidate.path, candidate.argv, request.envp);
    handover.errno_value = errno;
    if (errno == E2BIG || is_fault_of_host(errno)) break;
  }
  handover.failed = Step::exec;
  ::_exit(127);
}

Spawned failure(const char* call, int errno_value) {
  Spawned spawned;
  spawned.failed_call = call;
  spawned.errno_value = errno_value;
  return spawned;
}

/// A pipe whose read end does not block; the write end, which the child gets, does.
bool make_output_pipe(support::UniqueFd& read_end, support::UniqueFd& write_end, int num_spare_descriptors) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return false;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && std::cmp_greater(ends[1] + num_spare_descriptors, limit.rlim_cur)) {
    errno = EMFILE;
    return false;
  }
  return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

bool is_fault_of_host(int errno_value) {
  switch (errno_value) {
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOMEM:
    case EIO:
    case ESTALE:
      return true;
    default:
      return false;
  }
}

std::vector<int> ignored_signals() {
  std::vector<int> signals;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) signals.push_back(signal);
  }
  return signals;
}

Spawned spawn(const SpawnRequest& request) {
  Spawned spawned;
  support::UniqueFd child_stdout;
  support::UniqueFd child_stderr;
  const bool has_stdout = request.stdout_fd >= 0;
  const bool has_stderr = request.stderr_fd >= 0;
  if ((!has_stdout && !make_output_pipe(spawned.stdout_fd, child_stdout, request.num_spare_descriptors)) ||
      (!has_stderr && !make_output_pipe(spawned.stderr_fd, child_stderr, request.num_spare_descriptors)))
    return failure("pipe", errno);
  Handover handover{&request, has_stdout ? request.stdout_fd : child_stdout.get(),
                    has_stderr ? request.stderr_fd : child_stderr.get(), ::getpid()};
  const pid_t pid = ::vfork();
  if (pid == 0) run_child(handover);
  if (pid < 0) return failure("fork", errno);
  if (handover.failed != Step::none) {
    // Whoever listens for numbers reaps all children: two that do so might take each other's.
    while (request.announce == nullptr && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return failure(handover.failed == Step::chdir ? "chdir" : "exec", handover.errno_value);
  }
  spawned.pid = pid;
  return spawned;
}

}  // namespace drover::exec
