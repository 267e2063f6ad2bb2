// Where a batch comes from. The master pulls as it has room: that is the back-pressure.
#pragma once

#include <cstddef>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::runtime {

/// A stream of tasks, read by the master's only thread. Implementations never block and hold no
/// more than one read buffer.
class TaskSource {
 public:
  enum class State {
    more,         ///< pull again whenever there is room
    would_block,  ///< nothing more now: wait until wait_fd() is readable
    end,          ///< nothing more ever; pull is not called again
  };
  struct Batch {
    std::vector<core::TaskSpec> tasks;
    State state = State::more;
  };

  virtual ~TaskSource() = default;

  /// At most `max` (> 0) tasks, in order. Throws drover::Error, naming source and line, when the
  /// input is damaged or cannot be read.
  virtual Batch pull(std::size_t max) = 0;

  /// Readable when pull() can make progress after `would_block`; -1 when that never happens.
  [[nodiscard]] virtual int wait_fd() const = 0;
};

}  // namespace drover::runtime
