// A blocking write to a full pipe or a stopped terminal could be ended by nobody, and setting
// O_NONBLOCK would change the descriptor for all who share it, the shell included. So a pipe or a
// terminal is opened once more, non-blocking, by its name under /proc: a description of our own.
// Where that is not allowed, short writes after poll(2) come close: they fit into a pipe that polls
// as writable, and only a terminal stopped in that very moment blocks.
#include "drover/cli/output/output_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace drover::cli {

namespace {

constexpr std::size_t kMaxBuffer = 64 * 1024;

}  // namespace

OutputSink::OutputSink(int fd, int stop_fd, TerminalLine& line)
    : fd_(fd), stop_fd_(stop_fd), line_(line), is_terminal_(::isatty(fd) == 1), max_write_(kMaxBuffer) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  is_socket_ = S_ISSOCK(status.st_mode);
  if (!is_terminal_ && !S_ISFIFO(status.st_mode)) return;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  reopened_.reset(::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (reopened_) {
    fd_ = reopened_.get();
  } else {
    max_write_ = PIPE_BUF;
  }
}

void OutputSink::append(std::string_view bytes) {
  if (num_to_skip_ > 0 && is_open_) {
    flush();  // what comes before it is written before it
    const std::string_view skipped = bytes.substr(0, num_to_skip_);
    num_to_skip_ -= skipped.size();
    num_written_ += skipped.size();
    bytes.remove_prefix(skipped.size());
  }
  while (is_open_ && !bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMaxBuffer - buffer_.size());
    buffer_ += part;
    bytes.remove_prefix(part.size());
    if (buffer_.size() == kMaxBuffer) flush();
  }
}

void OutputSink::flush() {
  std::string_view left = buffer_;
  while (is_open_ && !left.empty()) {
    if (!wait_writable()) break;
    const ssize_t n = write_some(left.substr(0, max_write_));
    if (n >= 0) {
      left.remove_prefix(static_cast<std::size_t>(n));
      num_written_ += static_cast<std::size_t>(n);
      if (on_written_) on_written_();
    } else if (errno != EINTR && errno != EAGAIN) {
      error_ = errno;
      is_open_ = false;
    }
  }
  buffer_.clear();
}

bool OutputSink::wait_writable() {
  std::array<pollfd, 2> fds{
      {{.fd = fd_, .events = POLLOUT, .revents = 0}, {.fd = stop_fd_, .events = POLLIN, .revents = 0}}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  if (fds[1].revents != 0) is_open_ = false;
  return is_open_;
}

ssize_t OutputSink::write_some(std::string_view bytes) const {
  if (is_socket_) return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!is_terminal_) return ::write(fd_, bytes.data(), bytes.size());
  TerminalLine::Guard guard(line_);
  const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
  const int errno_value = errno;
  if (n > 0) guard.wrote(bytes.substr(0, static_cast<std::size_t>(n)));
  errno = errno_value;
  return n;
}

}  // namespace drover::cli
