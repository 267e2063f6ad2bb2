// Each message is preceded by its length.

#include "drover/runtime/message_stream.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace drover::runtime {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;

}  // namespace

void MessageStream::send(const wire::Message& message) {
  const std::string bytes = wire::encode(message);
  const std::uint64_t length = bytes.size();
  unsent_.append(reinterpret_cast<const char*>(&length), sizeof length).append(bytes);
  push();
}

void MessageStream::push() {
  write(MSG_DONTWAIT);
}

void MessageStream::send_all(const wire::Message& message) {
  send(message);
  write(0);
}

void MessageStream::write(int flags) {
  while (has_unsent()) {
    const ssize_t num =
        ::send(fd_.get(), unsent_.data() + num_written_, unsent_.size() - num_written_, flags | MSG_NOSIGNAL);
    if (num < 0 && errno == EINTR) continue;
    if (num < 0 && errno != EAGAIN && errno != EWOULDBLOCK) num_written_ = unsent_.size();  // nobody will read it
    if (num < 0) break;
    num_written_ += static_cast<std::size_t>(num);
  }
  // Not each time, which would move the rest of a large message again and again.
  if (num_written_ < unsent_.size() / 2) return;
  unsent_.erase(0, num_written_);
  num_written_ = 0;
}

std::optional<wire::Message> MessageStream::receive() {
  if (auto message = take()) return message;
  read(MSG_DONTWAIT);
  return take();
}

std::optional<wire::Message> MessageStream::await() {
  while (!is_at_end_) {
    if (auto message = take()) return message;
    read(0);
  }
  return take();
}

void MessageStream::read(int flags) {
  std::array<char, kReadBytes> bytes{};
  while (!is_at_end_) {
    const ssize_t num = ::recv(fd_.get(), bytes.data(), bytes.size(), flags);
    if (num < 0 && errno == EINTR) continue;
    if (num < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (num <= 0) {
      is_at_end_ = true;
      return;
    }
    received_.append(bytes.data(), static_cast<std::size_t>(num));
    // More than a message at once is not needed, and all of a large one is.
    std::uint64_t length = 0;
    if (received_.size() < sizeof length) continue;
    std::memcpy(&length, received_.data(), sizeof length);
    if (received_.size() >= sizeof length + length) return;
  }
}

std::optional<wire::Message> MessageStream::take() {
  std::uint64_t length = 0;
  if (received_.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, received_.data(), sizeof length);
  if (received_.size() - sizeof length < length) return std::nullopt;
  wire::Message message = wire::decode({received_.data() + sizeof length, static_cast<std::size_t>(length)});
  received_.erase(0, sizeof length + static_cast<std::size_t>(length));
  return message;
}

}  // namespace drover::runtime
