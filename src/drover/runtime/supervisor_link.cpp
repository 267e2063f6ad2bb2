// Protocol: the master connects; the supervisor sends one byte with descriptors 0, 1 and 2 attached;
// the master sends messages, a letter and a text: R and the run's directory, then either X and its exit
// status in decimal, or O and why it asks for a rollover; either side closes. The socket is in the
// abstract namespace, so that nothing is left behind; credentials keep others' processes away from it.

#include "drover/runtime/supervisor_link.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>

#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

constexpr std::size_t kNumStreams = 3;
constexpr timeval kAnswerTimeout{10, 0};
constexpr std::size_t kMostMessageBytes = 8192;  ///< a letter, and at the most PATH_MAX

struct Address {
  sockaddr_un value{};
  socklen_t length = 0;
};

/// An abstract address: a NUL, then the name.
Address address_of(const std::string& name) {
  Address address;
  address.value.sun_family = AF_UNIX;
  const std::size_t num = std::min(name.size(), sizeof address.value.sun_path - 1);
  std::memcpy(address.value.sun_path + 1, name.data(), num);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + num);
  return address;
}

support::UniqueFd open_socket() {
  support::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) throw system_error("cannot open a socket between supervisor and master", errno);
  return fd;
}

/// A message of one byte with room for descriptors.
struct StreamsMessage {
  char byte = 'S';
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kNumStreams * sizeof(int))> control{};
  msghdr header{};

  StreamsMessage() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
};

void send_streams(int socket) {
  StreamsMessage message;
  cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(kNumStreams * sizeof(int));
  const std::array<int, kNumStreams> streams{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  std::memcpy(CMSG_DATA(control), streams.data(), sizeof streams);
  if (::sendmsg(socket, &message.header, MSG_NOSIGNAL) < 0)
    throw system_error("cannot hand the standard streams to the master", errno);
}

void receive_streams(int socket) {
  StreamsMessage message;
  if (::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) <= 0)
    throw system_error("the supervisor did not hand over its standard streams", errno);
  const cmsghdr* control = CMSG_FIRSTHDR(&message.header);
  if (control == nullptr || control->cmsg_len != CMSG_LEN(kNumStreams * sizeof(int)))
    throw Error("the supervisor did not hand over its standard streams");
  std::array<int, kNumStreams> streams{};
  std::memcpy(streams.data(), CMSG_DATA(control), sizeof streams);
  for (std::size_t i = 0; i < kNumStreams; ++i) {
    const support::UniqueFd stream(streams[i]);
    if (::dup2(stream.get(), static_cast<int>(i)) < 0) throw system_error("cannot take over a standard stream", errno);
  }
}

std::string unused_name() {
  std::random_device random;
  return "drover-" + std::to_string(::getpid()) + "-" + std::to_string(random()) + std::to_string(random());
}

}  // namespace

SupervisorListener::SupervisorListener() : name_(unused_name()), listening_(open_socket()) {
  const Address address = address_of(name_);
  if (::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address.value), address.length) < 0 ||
      ::listen(listening_.get(), 1) < 0)
    throw system_error("cannot listen for the master", errno);
}

bool SupervisorListener::process() {
  if (!connection_) {
    accept();
    return true;
  }
  std::array<char, kMostMessageBytes> message{};
  const ssize_t num = ::recv(connection_.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (num < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (num <= 0) return false;
  take({message.data(), static_cast<std::size_t>(num)});
  return true;
}

void SupervisorListener::take(std::string_view message) {
  const std::string text(message.substr(1));
  switch (message.front()) {
    case 'R':
      run_dir_ = text;
      break;
    case 'X':
      exit_status_ = std::atoi(text.c_str());
      break;
    case 'O':
      rollover_reason_ = text;
      break;
    default:
      break;  // of a newer drover
  }
}

void SupervisorListener::accept() {
  support::UniqueFd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.uid != ::geteuid()) return;
  send_streams(connection.get());
  connection_ = std::move(connection);
  master_pid_ = peer.pid;
}

std::optional<SupervisorLink> SupervisorLink::connect() {
  const char* name = std::getenv(kSupervisorVariable);
  if (name == nullptr) return std::nullopt;
  support::UniqueFd connection = open_socket();
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout);
  const Address address = address_of(name);
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address.value), address.length) < 0)
    throw system_error("cannot reach the supervisor that started this run", errno);
  receive_streams(connection.get());
  return SupervisorLink(std::move(connection));
}

void SupervisorLink::say_run_dir(const std::string& run_dir) {
  say("R" + run_dir);
}

void SupervisorLink::say_exit_status(int status) {
  say("X" + std::to_string(status));
}

void SupervisorLink::ask_for_rollover(const std::string& reason) {
  say("O" + reason.substr(0, kMostMessageBytes - 1));
}

void SupervisorLink::say(const std::string& message) {
  (void)::send(connection_.get(), message.data(), message.size(), MSG_NOSIGNAL);  // one that is gone need not know
}

}  // namespace drover::runtime
