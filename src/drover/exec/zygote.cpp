// Over a socket that keeps messages apart the owner sends orders, with a descriptor for a new process, and
// gets exits back. When it closes its end, the zygote kills what there is and ends.

#include "drover/exec/zygote.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>

#include "drover/exec/process_tree.hpp"
#include "drover/support/error.hpp"
#include "drover/support/printed.hpp"

namespace drover::exec {

namespace {

constexpr std::array kIgnoredSignals{SIGINT, SIGTERM, SIGHUP, SIGPIPE};

struct Order {
  enum class What : std::uint8_t { start, kill };
  What what{};
  std::uint64_t number = 0;
};

/// What a process is born with: its connection, stdout and stderr.
constexpr std::size_t kNumFds = 3;
using Fds = std::array<support::UniqueFd, kNumFds>;
constexpr std::size_t kFdBytes = kNumFds * sizeof(int);

/// The descriptors, if there are any, go with it.
bool send_order(int channel, Order order, const Fds* fds) {
  iovec bytes{&order, sizeof order};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdBytes)> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fds != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(kFdBytes);
    std::array<int, kNumFds> numbers{};
    for (std::size_t i = 0; i < kNumFds; ++i) numbers[i] = (*fds)[i].get();
    std::memcpy(CMSG_DATA(header), numbers.data(), kFdBytes);
  }
  while (::sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return false;
  return true;
}

/// False when the owner is gone.
bool receive_order(int channel, Order& order, Fds& fds) {
  iovec bytes{&order, sizeof order};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdBytes)> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t num = 0;
  while ((num = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (num != sizeof order) return false;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return true;
  std::array<int, kNumFds> numbers{};
  std::memcpy(numbers.data(), CMSG_DATA(header), kFdBytes);
  for (std::size_t i = 0; i < kNumFds; ++i) fds[i].reset(numbers[i]);
  return true;
}

/// Of stdout and stderr, with the ends to be read first.
struct OutputPipes {
  std::array<support::UniqueFd, 2> read_ends;
  std::array<support::UniqueFd, 2> write_ends;
};

OutputPipes open_output_pipes() {
  OutputPipes pipes;
  for (std::size_t i = 0; i < 2; ++i) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw system_error("cannot open a pipe for what functions print", errno);
    pipes.read_ends[i].reset(ends[0]);
    pipes.write_ends[i].reset(ends[1]);
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
      throw system_error("cannot open a pipe for what functions print", errno);
  }
  return pipes;
}

/// Line by line, so that a process that dies has said what it said.
void print_to(int out, int err) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  (void)std::setvbuf(stdout, nullptr, _IOLBF, 0);
}

core::Duration duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// The zygote's own life.
class Nursery {
 public:
  Nursery(const Zygote::Plan& plan, support::UniqueFd channel) : plan_(plan), channel_(std::move(channel)) {
    ::sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    child_signal_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void live() {
    std::array<pollfd, 2> polled{pollfd{channel_.get(), POLLIN, 0}, pollfd{child_signal_.get(), POLLIN, 0}};
    while (true) {
      (void)::poll(polled.data(), polled.size(), -1);
      if (polled[1].revents != 0) reap();
      if (polled[0].revents != 0 && !obey()) break;
    }
    for (const auto& [pid, number] : numbers_) kill_all(pid);
  }

 private:
  bool obey() {
    Order order;
    Fds fds;
    if (!receive_order(channel_.get(), order, fds)) return false;
    if (order.what == Order::What::start) {
      start(order.number, std::move(fds));
    } else {
      for (const auto& [pid, number] : numbers_)
        if (number == order.number) kill_all(pid);
    }
    return true;
  }

  /// The process, its group, and what it has started outside of that.
  static void kill_all(pid_t pid) {
    for (const pid_t process : descendants_of(pid)) ::kill(process, SIGKILL);
    ::kill(-pid, SIGKILL);
  }

  void start(std::uint64_t number, Fds fds) {
    if (std::exchange(is_first_, false)) {
      plan_.prepare();
      support::flush_printed();  // or each process would print it again
    }
    const pid_t zygote = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) be_born(zygote, std::move(fds));
    if (pid < 0) return tell({number, 0, errno, {}, 0});
    ::setpgid(pid, pid);  // here too: it may be killed before it does so itself
    numbers_.emplace(pid, number);
  }

  [[noreturn]] void be_born(pid_t zygote, Fds fds) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != zygote) ::_exit(1);
    for (const int signal : kIgnoredSignals) ::signal(signal, SIG_DFL);
    ::sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    channel_.reset();
    child_signal_.reset();
    print_to(fds[1].get(), fds[2].get());
    const int connection = fds[0].release();
    fds = {};
    plan_.serve(connection);
    support::flush_printed();
    ::_exit(0);
  }

  /// What a process leaves behind goes with it; its group is certain to be its own until it is reaped.
  void reap() {
    signalfd_siginfo ignored{};
    while (::read(child_signal_.get(), &ignored, sizeof ignored) > 0) {
    }
    siginfo_t ended{};
    while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
      const pid_t pid = ended.si_pid;
      ::kill(-pid, SIGKILL);
      int status = 0;
      rusage usage{};
      ::wait4(pid, &status, 0, &usage);
      const auto found = numbers_.find(pid);
      if (found != numbers_.end()) {
        tell({found->second, status, 0, duration(usage.ru_utime) + duration(usage.ru_stime),
              static_cast<std::uint64_t>(usage.ru_maxrss)});
        numbers_.erase(found);
      }
      ended = {};
    }
  }

  void tell(const Zygote::Exit& exit) const { (void)::send(channel_.get(), &exit, sizeof exit, MSG_NOSIGNAL); }

  const Zygote::Plan& plan_;
  support::UniqueFd channel_;
  support::UniqueFd child_signal_;
  std::map<pid_t, std::uint64_t> numbers_;
  bool is_first_ = true;
};

}  // namespace

Zygote::Zygote(const Plan& plan) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0)
    throw system_error("cannot open a socket to the process that forks others", errno);
  channel_.reset(ends[0]);
  support::UniqueFd other(ends[1]);
  OutputPipes pipes = open_output_pipes();
  const pid_t owner = ::getpid();
  support::flush_printed();  // or each process would print it again
  pid_ = ::fork();
  if (pid_ < 0) throw system_error("cannot fork the process that forks others", errno);
  if (pid_ > 0) {
    own_output_ = std::move(pipes.read_ends);
    return;
  }
  channel_.reset();
  print_to(pipes.write_ends[0].get(), pipes.write_ends[1].get());
  pipes = {};
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "drover-zygote");
  if (::getppid() != owner) ::_exit(1);
  for (const int signal : kIgnoredSignals) ::signal(signal, SIG_IGN);
  try {
    Nursery(plan, std::move(other)).live();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

Zygote::~Zygote() {
  channel_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Zygote::Started Zygote::start(std::uint64_t number) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    throw system_error("cannot open a socket to a function's process", errno);
  support::UniqueFd ours(ends[0]);
  support::UniqueFd theirs(ends[1]);
  OutputPipes pipes = open_output_pipes();
  const Fds fds{std::move(theirs), std::move(pipes.write_ends[0]), std::move(pipes.write_ends[1])};
  if (!send_order(channel_.get(), {Order::What::start, number}, &fds))
    throw system_error("the process that forks others is gone", errno);
  return {std::move(ours), std::move(pipes.read_ends)};
}

void Zygote::kill(std::uint64_t number) {
  (void)send_order(channel_.get(), {Order::What::kill, number}, nullptr);
}

std::optional<Zygote::Exit> Zygote::next_exit() {
  Exit exit;
  ssize_t num = 0;
  while ((num = ::recv(channel_.get(), &exit, sizeof exit, MSG_DONTWAIT)) < 0 && errno == EINTR) {
  }
  if (num == sizeof exit) return exit;
  if (num < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  throw Error("the process that forks others has ended");
}

}  // namespace drover::exec
