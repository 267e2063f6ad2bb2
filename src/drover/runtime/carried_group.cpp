#include "drover/runtime/carried_group.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "drover/runtime/child_process.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/pump.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

/// Waits for a signal, or for something from the processes.
void wait_for_any(const SignalInbox& signals, const std::vector<ChildProcess>& processes) {
  std::vector<pollfd> polled{{signals.fd(), POLLIN, 0}};
  for (const ChildProcess& process : processes)
    for (const int fd : process.fds())
      if (fd >= 0) polled.push_back({fd, POLLIN, 0});
  ::poll(polled.data(), polled.size(), -1);
}

/// Copies between master and group, in a process of its own that ends with either.
void start_pump(int master, int group) {
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot carry the channel of a group", errno);
  if (pid > 0) return;
  ::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::signal(signal, SIG_IGN);
  ::_exit(pump(master, master, group));
}

}  // namespace

int carry(const CarriedGroup& group, std::string& reason) {
  SignalInbox signals{SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  const std::unique_ptr<JoinChannel> master = JoinChannel::open(group.path, reason);
  if (!master) return W_EXITCODE(kNoMasterMet, 0);
  SocketEnds channel = make_socket_ends();
  start_pump(master->fd(), channel.ours.get());
  ChildProcess::Options child;
  child.command = group.command;
  child.unset = launcher_variables();
  child.channel = channel.theirs.get();
  child.shares_errors = true;
  std::vector<ChildProcess> processes;
  processes.emplace_back(child);
  channel.theirs.reset();
  ChildProcess& process = processes.front();
  int num_signals = 0;
  for (; !process.has_ended(); process.poll()) {
    wait_for_any(signals, processes);
    // Half closed, the channel asks the group to leave; without it, nothing of the group is left.
    while (signals.next())
      if (num_signals++ == 0)
        ::shutdown(channel.ours.get(), SHUT_WR);
      else
        process.signal(SIGTERM);
  }
  reason = master->complaint();
  return num_signals > 0 ? 0 : process.wait_status();  // whoever asked it to leave wants no other
}

std::vector<int> run_side_by_side(const std::vector<std::vector<std::string>>& commands) {
  SignalInbox signals{SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  std::vector<ChildProcess> processes;
  for (const std::vector<std::string>& command : commands) {
    ChildProcess::Options child;
    child.command = command;
    child.shares_errors = true;
    processes.emplace_back(child);
  }
  const auto is_running = [](const ChildProcess& process) { return !process.has_ended(); };
  while (std::any_of(processes.begin(), processes.end(), is_running)) {
    wait_for_any(signals, processes);
    while (const std::optional<int> signal = signals.next())
      for (const ChildProcess& process : processes)
        if (is_running(process)) ::kill(process.pid(), *signal);
    for (ChildProcess& process : processes) process.poll();
  }
  std::vector<int> statuses;
  for (const ChildProcess& process : processes) statuses.push_back(process.wait_status());
  return statuses;
}

}  // namespace drover::runtime
