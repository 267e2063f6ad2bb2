// The port to what executes attempts of kind function.
#pragma once

#include <cstddef>
#include <optional>

#include "drover/core/events.hpp"
#include "drover/exec/attempt_handler.hpp"

namespace drover::exec {

/// As many functions at once as there are slots, in the order in which they were started. One that waits
/// for other tasks leaves its slot to others. For the thread that constructed it.
class FunctionRunner {
 public:
  virtual ~FunctionRunner() = default;

  /// Readable when poll() has something to do, whatever its budget.
  [[nodiscard]] virtual int fd() const = 0;
  /// Readable when there is output to be handed over.
  [[nodiscard]] virtual int output_fd() const = 0;

  /// Executes a function on the slot that is free first. One that this program does not have, has that as
  /// its result.
  virtual void start(core::Assignment assignment, core::Time now) = 0;

  /// Tells an attempt to end, which then has Killed as its outcome: at once if it is asked again, and
  /// else by the profile's kill_after at the latest. Unknown attempts are ignored.
  virtual void stop(core::AttemptId attempt, core::Time now) = 0;

  /// When to call poll() at the latest.
  [[nodiscard]] virtual std::optional<core::Time> next_deadline() const = 0;

  /// Hands over at most `output_budget` bytes of output, and what has ended. Never blocks. With no budget, output stays
  /// where it is and so does the end of an attempt that has more of it.
  virtual void poll(core::Time now, std::size_t output_budget, AttemptHandler& handler) = 0;

  /// Hands over whatever output there is: nothing executes any more.
  virtual void take_last_output(AttemptHandler& handler) = 0;

  /// Tells all that executes to stop, and waits for it until `limit` has passed. While something still
  /// executes afterwards in this process (false), the process can only end by _exit().
  [[nodiscard]] virtual bool shut_down(core::Duration limit) = 0;
};

}  // namespace drover::exec
