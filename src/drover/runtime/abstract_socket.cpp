#include "drover/runtime/abstract_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <random>

#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

struct Address {
  sockaddr_un value{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&value); }
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

support::UniqueFd open_socket(int flags) {
  support::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw system_error("cannot open a socket between processes of drover", errno);
  return fd;
}

}  // namespace

std::string unused_abstract_name() {
  std::random_device random;
  return "drover-" + std::to_string(::getpid()) + "-" + std::to_string(random()) + std::to_string(random());
}

support::UniqueFd listen_abstract(const std::string& name) {
  support::UniqueFd socket = open_socket(SOCK_NONBLOCK);
  const Address address = address_of(name);
  if (::bind(socket.get(), address.generic(), address.length) < 0 || ::listen(socket.get(), 1) < 0)
    throw system_error("cannot listen for processes of drover", errno);
  return socket;
}

support::UniqueFd accept_own(int listening, pid_t* peer) {
  support::UniqueFd connection(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection && (errno == EMFILE || errno == ENFILE))
    throw system_error("cannot let in a process of drover", errno);
  if (!connection) return {};
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0 ||
      credentials.uid != ::geteuid())
    return {};
  if (peer != nullptr) *peer = credentials.pid;
  return connection;
}

support::UniqueFd connect_abstract(const std::string& name) {
  support::UniqueFd socket = open_socket(0);
  const Address address = address_of(name);
  if (::connect(socket.get(), address.generic(), address.length) < 0)
    throw system_error("cannot reach the process that started this one", errno);
  return socket;
}

}  // namespace drover::runtime
