// A client without manners, for tests of a real master: `rude_client RUN_DIR HOW`, which returns once it
// has done its worst.
//
//   garbage    lines of random bytes, some of which look like requests
//   flood      100 MiB without a newline
//   stall      half a request, and then nothing for as long as standard input is open
//   vanish     1,000 times: a request, and gone before the answer
//   crowd      1,000 connections at once, which ask for nothing
//   deaf       requests without end, of which no answer is read, until the master takes no more

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "drover/control/control_socket.hpp"

using drover::control::Connected;

namespace {

constexpr std::string_view kStatus = "{\"v\":1,\"request\":\"status\"}\n";
constexpr int kTakesNoMore = 2000;  // ms

std::string run_dir;

drover::support::UniqueFd connect() {
  for (;;) {
    Connected connected = drover::control::connect_to(run_dir);
    if (connected.socket) return std::move(connected.socket);
    if (connected.error != EAGAIN) {
      std::fprintf(stderr, "rude_client: cannot connect: errno %d\n", connected.error);
      ::_exit(1);
    }
    ::poll(nullptr, 0, 1);
  }
}

/// False once the other side has closed, or takes nothing for a while.
bool send(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t num = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (num >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(num));
      continue;
    }
    pollfd polled{socket, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&polled, 1, kTakesNoMore) <= 0) return false;
  }
  return true;
}

void garbage() {
  const auto socket = connect();
  std::uint32_t state = 1;
  std::string bytes;
  for (int i = 0; i < 1 << 20; ++i) {
    if (i % 5000 == 0) bytes += "\n{\"v\":1,\"request\":\"submit\",\"tasks\":[{\"command\":";
    bytes += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  }
  (void)send(socket.get(), bytes + "\n");
}

void flood() {
  const auto socket = connect();
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 100 && send(socket.get(), piece); ++i) {
  }
}

void stall() {
  const auto socket = connect();
  (void)send(socket.get(), kStatus.substr(0, 10));
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

void vanish() {
  for (int i = 0; i < 1000; ++i) (void)send(connect().get(), kStatus);
}

void crowd() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<drover::support::UniqueFd> sockets;
  for (int i = 0; i < 1000; ++i) sockets.push_back(connect());
}

void deaf() {
  const auto socket = connect();
  while (send(socket.get(), kStatus)) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  run_dir = argv[1];
  const std::string_view how = argv[2];
  if (how == "garbage") return garbage(), 0;
  if (how == "flood") return flood(), 0;
  if (how == "stall") return stall(), 0;
  if (how == "vanish") return vanish(), 0;
  if (how == "crowd") return crowd(), 0;
  if (how == "deaf") return deaf(), 0;
  return 2;
}
