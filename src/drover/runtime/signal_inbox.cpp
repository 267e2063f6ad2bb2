#include "drover/runtime/signal_inbox.hpp"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

/// nohup(1) ignores SIGHUP on behalf of what it starts.
bool is_ignored_hangup(int signal) {
  struct sigaction action {};
  return signal == SIGHUP && ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalInbox::SignalInbox(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals)
    if (!is_ignored_hangup(signal)) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw system_error("cannot receive signals", errno);
}

std::optional<int> SignalInbox::next() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  sender_ = static_cast<pid_t>(info.ssi_pid);
  return static_cast<int>(info.ssi_signo);
}

}  // namespace drover::runtime
