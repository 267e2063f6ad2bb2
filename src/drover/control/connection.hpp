// One client's socket with its buffers: bytes in, lines out, and the other way round.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "drover/support/unique_fd.hpp"

namespace drover::control {

/// Never blocks, whatever mode the socket is in, and never raises SIGPIPE. Not thread-safe.
class Connection {
 public:
  explicit Connection(support::UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Takes in what has come, 64 KiB at the most; returns whether anything had. How much is held is the
  /// caller's to bound: by taking lines, and by not receiving once num_unfinished() is too much.
  bool receive();
  /// The other side will say nothing more.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  /// The next whole line, without its newline; valid until the next call of receive().
  [[nodiscard]] std::optional<std::string_view> next_line();

  /// Bytes of a line of which the end has not come; known once next_line() has found none.
  [[nodiscard]] std::size_t num_unfinished() const { return searched_ - begin_; }

  void enqueue(std::string_view bytes) { unsent_ += bytes; }
  [[nodiscard]] std::size_t num_unsent() const { return unsent_.size() - num_sent_; }

  /// Sends what the other side takes; returns whether it took anything. is_broken() tells of a failure.
  bool send();
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  support::UniqueFd socket_;
  std::string received_;
  std::size_t begin_ = 0;     ///< of the line that is next
  std::size_t searched_ = 0;  ///< no newline from begin_ to here
  std::string unsent_;
  std::size_t num_sent_ = 0;
  bool has_ended_ = false;
  bool is_broken_ = false;
};

}  // namespace drover::control
