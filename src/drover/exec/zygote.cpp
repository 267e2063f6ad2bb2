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

/// The descriptor, if any, goes with it.
bool send_order(int channel, Order order, int fd) {
  iovec bytes{&order, sizeof order};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  while (::sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return false;
  return true;
}

/// False when the owner is gone.
bool receive_order(int channel, Order& order, support::UniqueFd& fd) {
  iovec bytes{&order, sizeof order};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t num = 0;
  while ((num = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (num != sizeof order) return false;
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(header), sizeof received);
    fd.reset(received);
  }
  return true;
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
    support::UniqueFd fd;
    if (!receive_order(channel_.get(), order, fd)) return false;
    if (order.what == Order::What::start) {
      start(order.number, std::move(fd));
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

  void start(std::uint64_t number, support::UniqueFd fd) {
    if (std::exchange(is_first_, false)) {
      plan_.prepare();
      support::flush_printed();  // or each process would print it again
    }
    const pid_t zygote = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) be_born(zygote, std::move(fd));
    if (pid < 0) return tell({number, 0, errno, {}, 0});
    ::setpgid(pid, pid);  // here too: it may be killed before it does so itself
    numbers_.emplace(pid, number);
  }

  [[noreturn]] void be_born(pid_t zygote, support::UniqueFd fd) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != zygote) ::_exit(1);
    for (const int signal : kIgnoredSignals) ::signal(signal, SIG_DFL);
    ::sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    channel_.reset();
    child_signal_.reset();
    plan_.serve(fd.release());
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
  const pid_t owner = ::getpid();
  support::flush_printed();  // or each process would print it again
  pid_ = ::fork();
  if (pid_ < 0) throw system_error("cannot fork the process that forks others", errno);
  if (pid_ > 0) return;
  channel_.reset();
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

support::UniqueFd Zygote::start(std::uint64_t number) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    throw system_error("cannot open a socket to a function's process", errno);
  support::UniqueFd ours(ends[0]);
  const support::UniqueFd theirs(ends[1]);
  if (!send_order(channel_.get(), {Order::What::start, number}, theirs.get()))
    throw system_error("the process that forks others is gone", errno);
  return ours;
}

void Zygote::kill(std::uint64_t number) {
  (void)send_order(channel_.get(), {Order::What::kill, number}, -1);
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
