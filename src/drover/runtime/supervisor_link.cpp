// Protocol: the master connects; the supervisor sends one byte with descriptors 0, 1 and 2 attached;
// the master sends messages, a letter and a text: M when MPI is up, R and the run's directory, P once there is
// progress, J and a host's slots and name when it has joined, E and its name when it has left; then either X and its
// exit status in decimal, or O and why it asks for a rollover; either side closes. Meanwhile the supervisor may send N
// and why no group can join any more.

#include "drover/runtime/supervisor_link.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "drover/runtime/abstract_socket.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

constexpr std::size_t kNumStreams = 3;
constexpr timeval kAnswerTimeout{10, 0};
constexpr std::size_t kMostMessageBytes = 8192;  ///< a letter, and at the most PATH_MAX

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

}  // namespace

SupervisorListener::SupervisorListener() : name_(unused_abstract_name()), listening_(listen_abstract(name_)) {}

bool SupervisorListener::process() {
  if (!connection_) accept();
  while (connection_) {
    std::array<char, kMostMessageBytes> message{};
    const ssize_t num = ::recv(connection_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (num < 0 && errno == EINTR) continue;
    if (num < 0 && errno == EAGAIN) return true;
    if (num <= 0) return false;
    take({message.data(), static_cast<std::size_t>(num)});
  }
  return true;
}

void SupervisorListener::say_no_join(const std::string& reason) {
  join_obstacle_ = reason;
  if (connection_) send_join_obstacle();
}

void SupervisorListener::send_join_obstacle() {
  const std::string message = "N" + join_obstacle_.substr(0, kMostMessageBytes - 1);
  (void)::send(connection_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void SupervisorListener::take(std::string_view message) {
  const std::string text(message.substr(1));
  switch (message.front()) {
    case 'R':
      run_dir_ = text;
      break;
    case 'M':
      is_mpi_up_ = true;
      break;
    case 'P':
      has_progressed_ = true;
      break;
    case 'X':
      exit_status_ = std::atoi(text.c_str());
      break;
    case 'H': {
      const auto space = text.find(' ');
      const auto population = static_cast<std::uint32_t>(std::atoi(text.c_str()));
      host_changes_.come.push_back({text.substr(space + 1), population});
      break;
    }
    case 'L':
      host_changes_.gone.push_back(text);
      break;
    case 'J': {
      const auto space = text.find(' ');
      host_changes_.asked.push_back({text.substr(space + 1), static_cast<std::uint32_t>(std::atoi(text.c_str()))});
      std::erase(host_changes_.left, host_changes_.asked.back().host);
      break;
    }
    case 'E':
      std::erase_if(host_changes_.asked, [&text](const control::HostSlots& host) { return host.host == text; });
      host_changes_.left.push_back(text);
      break;
    case 'O':
      rollover_reason_ = text;
      break;
    default:
      break;  // of a newer drover
  }
}

void SupervisorListener::accept() {
  pid_t master = -1;
  support::UniqueFd connection = accept_own(listening_.get(), &master);
  if (!connection) return;
  send_streams(connection.get());
  connection_ = std::move(connection);
  master_pid_ = master;
  if (!join_obstacle_.empty()) send_join_obstacle();
}

std::optional<SupervisorLink> SupervisorLink::connect() {
  const char* name = std::getenv(kSupervisorVariable);
  if (name == nullptr) return std::nullopt;
  support::UniqueFd connection = connect_abstract(name);
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout);
  receive_streams(connection.get());
  return SupervisorLink(std::move(connection));
}

void SupervisorLink::say_mpi_up() {
  say("M");
}

void SupervisorLink::say_run_dir(const std::string& run_dir) {
  say("R" + run_dir);
}

void SupervisorLink::say_progress() {
  say("P");
}

void SupervisorLink::say_host_came(const control::HostSlots& host) {
  say("J" + std::to_string(host.num_slots) + " " + host.host);
}

void SupervisorLink::say_host_left(const std::string& host) {
  say("E" + host);
}

void SupervisorLink::say_exit_status(int status) {
  say("X" + std::to_string(status));
}

void SupervisorLink::ask_for_rollover(const std::string& reason, const HostChanges& changes) {
  for (const OfferedHost& host : changes.come) say("H" + std::to_string(host.population) + " " + host.host);
  for (const std::string& host : changes.gone) say("L" + host);
  say("O" + reason.substr(0, kMostMessageBytes - 1));
}

std::optional<std::string> SupervisorLink::join_obstacle() {
  std::array<char, kMostMessageBytes> message{};
  const ssize_t num = ::recv(connection_.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (num > 0 && message.front() == 'N')
    join_obstacle_ = std::string(message.data() + 1, static_cast<std::size_t>(num) - 1);
  return join_obstacle_;
}

void SupervisorLink::say(const std::string& message) {
  (void)::send(connection_.get(), message.data(), message.size(), MSG_NOSIGNAL);  // one that is gone need not know
}

}  // namespace drover::runtime
