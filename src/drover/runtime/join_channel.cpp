#include "drover/runtime/join_channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "drover/control/control_socket.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/pump.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

SocketEnds make_socket_ends() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    throw system_error("cannot open a control channel", errno);
  return {support::UniqueFd(ends[0]), support::UniqueFd(ends[1])};
}

std::unique_ptr<JoinChannel> JoinChannel::open(const JoinPath& path, std::string& reason) {
  if (path.is_own) return open_own_streams();
  if (!path.relay.empty()) return open_relay(path.relay);
  control::Connected connected = control::connect_to(path.run_dir);
  if (connected.socket) return std::unique_ptr<JoinChannel>(new JoinChannel(std::move(connected.socket), -1, {}));
  reason = std::strerror(connected.error);
  return nullptr;
}

std::unique_ptr<JoinChannel> JoinChannel::open_relay(const std::vector<std::string>& relay) {
  SocketEnds channel = make_socket_ends();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw system_error("cannot open a channel to the relay", errno);
  support::UniqueFd complaints(ends[0]);
  const support::UniqueFd complaining(ends[1]);
  std::vector<char*> argv;
  for (const std::string& word : relay) argv.push_back(const_cast<char*>(word.c_str()));  // exec's signature
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot start the relay", errno);
  if (pid == 0) {
    ::dup2(channel.theirs.get(), STDIN_FILENO);
    ::dup2(channel.theirs.get(), STDOUT_FILENO);
    ::dup2(complaining.get(), STDERR_FILENO);
    unblock_signals();
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  return std::unique_ptr<JoinChannel>(new JoinChannel(std::move(channel.ours), pid, std::move(complaints)));
}

/// They may be pipes, and in a mode that others rely on: a child carries them over to a socket. Nothing that this
/// process starts later is to hold them open.
std::unique_ptr<JoinChannel> JoinChannel::open_own_streams() {
  SocketEnds channel = make_socket_ends();
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot carry the channel", errno);
  if (pid == 0) {
    channel.ours.reset();
    ::signal(SIGPIPE, SIG_IGN);
    // What has the group leave does so by this process's parent, and this one ends behind it.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::signal(signal, SIG_IGN);
    unblock_signals();
    ::_exit(pump(STDIN_FILENO, STDOUT_FILENO, channel.theirs.get()));
  }
  const support::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(null.get(), STDOUT_FILENO);
  return std::unique_ptr<JoinChannel>(new JoinChannel(std::move(channel.ours), pid, {}));
}

JoinChannel::~JoinChannel() {
  end_helper();
}

void JoinChannel::end_helper() {
  if (helper_ < 0) return;
  ::kill(helper_, complaints_ ? SIGTERM : SIGKILL);
  while (::waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  helper_ = -1;
}

/// Its last line tells the most: ssh begins with warnings. It has ended, or is ended here, and so has
/// said all.
std::string JoinChannel::complaint() {
  if (!complaints_) return "";
  end_helper();
  ::fcntl(complaints_.get(), F_SETFL, O_NONBLOCK);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t num = 0; (num = ::read(complaints_.get(), buffer.data(), buffer.size())) > 0;)
    text.assign(buffer.data(), static_cast<std::size_t>(num));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

void JoinChannel::send(std::uint64_t id, control::AnyRequest request) {
  connection_.enqueue(control::encode(control::RequestLine{id, std::move(request)}));
  connection_.send();
}

std::optional<control::ReplyLine> JoinChannel::next() {
  connection_.send();
  while (true) {
    if (const auto line = connection_.next_line()) return control::decode_reply(*line);
    if (!connection_.receive()) return std::nullopt;
  }
}

std::optional<control::ReplyLine> JoinChannel::wait(core::Duration limit, const SignalInbox& signals) {
  const core::Time deadline = now() + limit;
  while (true) {
    const bool is_over = now() >= deadline || is_gone();  // seen first: what was said last has come by then
    if (auto line = next()) return line;
    if (is_over || is_half_closed()) break;
    std::array<pollfd, 2> polled{{{fd(), events(), 0}, {signals.fd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), 100);
    if (polled[1].revents != 0) break;
  }
  return std::nullopt;
}

/// An end of what it says stays readable: that both ends are closed shows without asking.
short JoinChannel::events() const {
  return is_half_closed() ? 0 : POLLIN;
}

bool JoinChannel::is_gone() const {
  pollfd polled{fd(), 0, 0};
  return connection_.is_broken() || (::poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)) != 0);
}

}  // namespace drover::runtime
