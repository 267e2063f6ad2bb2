// Messages over a stream socket between two processes of a machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "drover/support/unique_fd.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

/// One end of a connection. One thread may receive while another sends; each for itself is not thread-safe.
class MessageStream {
 public:
  explicit MessageStream(support::UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Takes over the message, and writes of what it has taken over as much as can be without waiting.
  void send(const wire::Message& message);
  /// Writes the rest, as far as it can be.
  void push();
  [[nodiscard]] bool has_unsent() const { return num_written_ < unsent_.size(); }
  /// The same, and waits until all is written, or the other side is gone.
  void send_all(const wire::Message& message);

  /// The next message that is there in full; never waits. Throws wire::DecodeError.
  [[nodiscard]] std::optional<wire::Message> receive();
  /// Waits for one; none when the other side is gone.
  [[nodiscard]] std::optional<wire::Message> await();
  /// The other side is gone, and all that it sent has been received.
  [[nodiscard]] bool is_at_end() const { return is_at_end_; }

 private:
  void write(int flags);
  void read(int flags);
  [[nodiscard]] std::optional<wire::Message> take();

  support::UniqueFd fd_;
  std::string unsent_;
  std::size_t num_written_ = 0;  ///< of those bytes
  std::string received_;
  bool is_at_end_ = false;
};

}  // namespace drover::runtime
