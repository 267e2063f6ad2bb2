// What may come instead of a result.
#pragma once

#include <cstdint>
#include <string>

#include "drover/exec/function_table.hpp"
#include "drover/support/error.hpp"

namespace drover {

/// The task did not succeed, and is not tried again: what() says why. It threw an exception, could not
/// be executed, or took too many workers along.
class TaskFailed : public Error {
 public:
  /// For the farm.
  TaskFailed(const std::string& text, std::string type, std::uint32_t num_attempts)
      : Error(text), type_(std::move(type)), num_attempts_(num_attempts) {}

  /// The type of the exception that it threw, as C++ names it; empty when it threw none.
  [[nodiscard]] const std::string& type() const { return type_; }
  /// The number of its last attempt, 0 if there was none.
  [[nodiscard]] std::uint32_t num_attempts() const { return num_attempts_; }

 private:
  std::string type_;
  std::uint32_t num_attempts_;
};

/// Its time limit passed.
class TaskTimedOut : public TaskFailed {
 public:
  using TaskFailed::TaskFailed;
};

/// It was cancelled, or a task that it was to come after did not succeed.
class TaskCancelled : public TaskFailed {
 public:
  using TaskFailed::TaskFailed;
};

/// The run ended before the task did: it was stopped, or cannot go on. Let it pass.
class RunStopped : public exec::FunctionInterrupted {
 public:
  using FunctionInterrupted::FunctionInterrupted;
};

}  // namespace drover
