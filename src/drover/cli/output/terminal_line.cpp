#include "drover/cli/output/terminal_line.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace drover::cli {

namespace {

constexpr std::string_view kErase = "\r\x1b[K";

/// `text` as far as it fits, leaving the last column free: a terminal would wrap there. Counts a
/// column for each code point.
std::string_view fitted(std::string_view text, int fd) {
  winsize window{};
  if (::ioctl(fd, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) window.ws_col = 80;
  std::size_t num_columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins_code_point = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (begins_code_point && ++num_columns >= window.ws_col) return text.substr(0, i);
  }
  return text;
}

bool takes_output(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0;
}

/// A terminal that fails is no reason to stop anything.
void write_terminal(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

TerminalLine::TerminalLine(int fd) : fd_(::isatty(fd) == 1 ? fd : -1) {}

void TerminalLine::set(std::string_view text) {
  if (!is_terminal()) return;
  {
    const std::lock_guard lock(text_mutex_);
    text_ = fitted(text, fd_);
  }
  const std::unique_lock lock(writing_, std::try_to_lock);
  if (lock) redraw();
}

void TerminalLine::redraw() {
  const std::lock_guard lock(text_mutex_);
  if (text_ == drawn_ || !is_at_line_start_ || !takes_output(fd_)) return;
  // In one write, and erasing only what is not overwritten: no flicker.
  write_terminal(fd_, text_.empty() ? std::string(kErase) : "\r" + text_ + "\x1b[K");
  drawn_ = text_;
}

TerminalLine::Guard::Guard(TerminalLine& line) : line_(line) {
  if (!line.is_terminal()) return;
  writing_ = std::unique_lock(line.writing_);
  if (line.drawn_.empty()) return;
  write_terminal(line.fd_, kErase);
  line.drawn_.clear();
}

TerminalLine::Guard::~Guard() {
  if (writing_) line_.redraw();
}

void TerminalLine::Guard::wrote(std::string_view bytes) {
  if (!bytes.empty()) line_.is_at_line_start_ = bytes.back() == '\n';
}

}  // namespace drover::cli
