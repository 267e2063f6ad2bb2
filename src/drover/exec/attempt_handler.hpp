// Who hears from executors what becomes of attempts.
#pragma once

#include <span>

#include "drover/core/stream.hpp"
#include "drover/core/task.hpp"

namespace drover::exec {

/// Gets what attempts produce, from within an executor's poll().
class AttemptHandler {
 public:
  /// All output of an attempt comes before its end. The bytes are valid during the call.
  virtual void on_output(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes) = 0;
  /// Output of functions of which nobody knows the attempt.
  virtual void on_words(core::Stream stream, std::span<const char> bytes) = 0;
  virtual void on_ended(core::AttemptResult result) = 0;
  /// It begins to wait for other tasks, or goes on.
  virtual void on_waiting(core::AttemptId, bool) {}

 protected:
  ~AttemptHandler() = default;
};

}  // namespace drover::exec
