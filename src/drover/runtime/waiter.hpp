// How a loop waits. MPI has no file descriptor to sleep on, so messages are looked for again and
// again; everything else wakes the loop at once.
#pragma once

#include <poll.h>

#include <cstdint>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/transport/transport.hpp"

namespace drover::runtime {

/// The pause between two looks grows with the silence that came before, so that a message waits at
/// most a fixed fraction of the time it took to come, and an idle rank costs next to nothing: at the
/// longest pause of 40 ms, 25 looks a second, about 0.1 % of a core. Not thread-safe.
class Waiter {
 public:
  explicit Waiter(core::Time now);

  /// The loop found something to do: look again soon.
  void note_activity(core::Time now) { last_activity_ = now; }

  /// Sleeps until one of `fds` (-1: none) is readable, or it is time to look for messages again, or
  /// `deadline`. With `slack`, no message is so urgent that it could not wait for that long: fewer looks,
  /// but for large ones that are under way.
  /// While `traffic` moves it does not sleep at all: MPI moves large messages only while it is called.
  /// Signals do not end it early unless they have a descriptor here.
  void wait(const std::vector<int>& fds, core::Time now, core::Time deadline, const transport::Traffic& traffic,
            core::Duration slack = core::Duration::zero());

 private:
  core::Time last_activity_;
  std::uint64_t num_pieces_ = 0;  ///< of the traffic, so far
  std::vector<pollfd> polled_;
};

}  // namespace drover::runtime
