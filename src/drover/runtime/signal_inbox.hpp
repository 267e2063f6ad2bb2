// Signals as something to be read, not something that interrupts.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <optional>

#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// Blocks the given signals in this thread, and so in all threads that it starts later, and gives
/// them out one by one, but for a SIGHUP that was ignored before: that stays so. Construct it before any thread starts.
/// They stay blocked afterwards.
class SignalInbox {
 public:
  explicit SignalInbox(std::initializer_list<int> signals);

  /// Readable when next() has one.
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The next signal that came; none when there is none.
  [[nodiscard]] std::optional<int> next();

  /// Who sent the one that next() gave last.
  [[nodiscard]] pid_t sender() const { return sender_; }

 private:
  support::UniqueFd fd_;
  pid_t sender_ = 0;
};

}  // namespace drover::runtime
