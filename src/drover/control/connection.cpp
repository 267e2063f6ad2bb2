#include "drover/control/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace drover::control {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;
/// A buffer that was once larger is given back.
constexpr std::size_t kMostKeptBytes = 256U << 10;

void give_back(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kMostKeptBytes) buffer.shrink_to_fit();
}

}  // namespace

bool Connection::receive() {
  received_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  if (received_.empty()) give_back(received_);
  const std::size_t old_size = received_.size();
  received_.resize(old_size + kReadBytes);
  const ssize_t num = ::recv(socket_.get(), received_.data() + old_size, kReadBytes, MSG_DONTWAIT);
  const int error = errno;
  received_.resize(old_size + static_cast<std::size_t>(std::max<ssize_t>(num, 0)));
  has_ended_ = num == 0 || (num < 0 && error != EAGAIN && error != EINTR);
  return num > 0;
}

std::optional<std::string_view> Connection::next_line() {
  const std::size_t newline = received_.find('\n', searched_);
  if (newline == std::string::npos) {
    searched_ = received_.size();
    return std::nullopt;
  }
  const std::string_view line(received_.data() + begin_, newline - begin_);
  begin_ = searched_ = newline + 1;
  return line;
}

bool Connection::send() {
  const std::size_t before = num_sent_;
  while (num_unsent() > 0 && !is_broken_) {
    const ssize_t num = ::send(socket_.get(), unsent_.data() + num_sent_, num_unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (num > 0) {
      num_sent_ += static_cast<std::size_t>(num);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      is_broken_ = true;
    }
  }
  const bool has_sent = num_sent_ > before;
  if (num_unsent() == 0) {
    give_back(unsent_);
    num_sent_ = 0;
  } else if (num_sent_ > unsent_.size() / 2) {
    unsent_.erase(0, num_sent_);
    num_sent_ = 0;
  }
  return has_sent;
}

}  // namespace drover::control
