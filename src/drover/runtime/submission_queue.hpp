// Submissions of clients that wait until the queue of tasks has room, and whose turn it is.
//
// In order of arrival, but for clients that have as much in the queue as it has room left: they wait until some of
// theirs has ended, and others go first. So one client alone fills half of the queue, the next half of the rest, and
// somebody who comes with a few tasks gets in at once, also while nothing is executed. Pure, not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "drover/control/requests.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/scheduler.hpp"

namespace drover::runtime {

class SubmissionQueue {
 public:
  struct Submission {
    control::RequestRef from;
    control::request::Submit request;
  };

  /// False: there is no place for it, because of this client or of all; it is not taken.
  [[nodiscard]] bool add(control::RequestRef from, control::request::Submit& request);

  /// The next that may be queued, with so much room; none: none may yet. Its tasks are then those of `owner`, whom no
  /// other has.
  [[nodiscard]] std::optional<Submission> take(const core::QueueShare& room, core::OwnerId owner);

  /// Whoever it is from: the run takes no more.
  [[nodiscard]] std::optional<Submission> take_any();

  /// Whether none waits.
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

  /// A task of this owner has ended.
  void on_task_ended(core::OwnerId owner);

 private:
  struct Queued {
    control::ClientId client;
    core::QueueShare left;
  };

  std::deque<Submission> waiting_;
  std::map<core::OwnerId, Queued> queued_;
  std::map<control::ClientId, core::QueueShare> shares_;  ///< what of `queued_` is each client's
};

}  // namespace drover::runtime
