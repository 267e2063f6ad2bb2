// The form of the pattern that drover descends from: a worker is an object that is given one task after
// the other and says how each ended, and the master knows nothing of what is in them.
#pragma once

#include <optional>
#include <string>

#include "drover/farm/task_context.hpp"

namespace drover {

/// A task as a TaskWorker gets it.
struct Task {
  std::string type;      ///< the name under which the worker was registered
  std::string argument;  ///< as it was submitted
};

/// Derive from it, and register with Farm::worker<T>(name). Each thread that executes tasks has an
/// object of its own, made by its default constructor for the first task.
class TaskWorker {
 public:
  virtual ~TaskWorker() = default;

  /// Works on one task, and calls finish() or fail() once; the last call counts, and an exception is a
  /// failure too.
  virtual void work(const Task& task, TaskContext& context) = 0;

  /// For the farm: the result of work(). Throws what is a failure.
  [[nodiscard]] std::string execute(const Task& task, TaskContext& context);

 protected:
  /// The task has succeeded, with this result.
  void finish(std::string result);
  /// It has failed, for this reason.
  void fail(std::string reason);

 private:
  std::optional<std::string> result_;
  std::optional<std::string> failure_;
};

}  // namespace drover
