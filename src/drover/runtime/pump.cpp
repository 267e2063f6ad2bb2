#include "drover/runtime/pump.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace drover::runtime {

namespace {

/// Copies what one side says to the other; false at its end.
bool copy(int from, int to) {
  std::array<char, 65536> buffer{};
  const ssize_t num = ::read(from, buffer.data(), buffer.size());
  if (num < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t done = 0; done < num;) {
    const ssize_t written = ::write(to, buffer.data() + done, static_cast<std::size_t>(num - done));
    if (written < 0 && errno == EAGAIN) {
      pollfd polled{to, POLLOUT, 0};
      ::poll(&polled, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return false;
    } else if (written > 0) {
      done += written;
    }
  }
  return num > 0;
}

}  // namespace

int pump(int in, int out, int socket) {
  int error = 0;
  for (bool is_open = true;;) {
    std::array<pollfd, 3> polled{{{is_open ? in : -1, POLLIN, 0}, {socket, POLLIN, 0}, {out, 0, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      error = errno;
      break;
    }
    if (polled[0].revents != 0 && !copy(in, socket)) {
      is_open = false;
      ::shutdown(socket, SHUT_WR);
    }
    if (polled[1].revents != 0 && !copy(socket, out)) break;
    if (polled[2].revents != 0) break;
  }
  ::shutdown(socket, SHUT_RDWR);
  return error;
}

}  // namespace drover::runtime
