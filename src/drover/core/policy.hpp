// The rules of a run that a user may set, as plain values and pure functions of them.
#pragma once

#include <cstdint>
#include <optional>

#include "drover/core/task.hpp"

namespace drover::core {

/// When a run gives up early: once `num` tasks (or `percent` of those accepted so far) ended so.
struct HaltPolicy {
  enum class When : std::uint8_t {
    never,
    soon,  ///< dispatch nothing more, let what executes finish
    now,   ///< end what executes too
  };
  enum class What : std::uint8_t { fail, success, done };

  When when = When::never;
  What what = What::fail;
  std::uint64_t num = 0;
  double percent = 0;  ///< used when `num` is 0

  /// Whether the run is to stop, given how many tasks were accepted, succeeded and failed so far.
  [[nodiscard]] bool is_reached(std::uint64_t accepted, std::uint64_t succeeded, std::uint64_t failed) const;

  friend bool operator==(const HaltPolicy&, const HaltPolicy&) = default;
};

/// How often a failing task is tried again, and after what pause.
struct RetryPolicy {
  std::uint32_t max_retries = 0;
  Duration first_delay = std::chrono::seconds(1);
  Duration longest_delay = std::chrono::minutes(5);

  /// The pause before the next attempt after `failures` (>= 1) failed ones: doubles each time.
  [[nodiscard]] Duration delay(std::uint32_t failures) const;
};

/// How much work a worker may hold beyond what it executes: its credit.
struct CreditPolicy {
  /// Work ahead of each slot, in time; what makes short tasks independent of latency.
  Duration horizon = std::chrono::milliseconds(50);
  /// Attempts ahead of each slot at the most.
  std::uint32_t max_per_slot = 512;
  /// A fixed credit for each slot instead; 0 is the strict pattern: one task to an idle slot only.
  std::optional<std::uint32_t> fixed_per_slot;

  /// Attempts ahead of each slot for tasks that take `mean_runtime` (none known yet: no credit),
  /// with `num_ready` tasks left for `num_slots` slots: shrinks to nothing near the end of the queue,
  /// so that the last tasks go where there is room first.
  [[nodiscard]] std::uint32_t per_slot(std::optional<Duration> mean_runtime, std::uint64_t num_ready,
                                       std::uint64_t num_slots) const;
};

/// All that decides a scheduler's behaviour.
struct Policy {
  RetryPolicy retry;
  HaltPolicy halt;
  CreditPolicy credit;
  /// How long a worker is trusted without a word from it.
  Duration lease = std::chrono::seconds(10);
  /// A task that was executing in this many workers as they died is quarantined.
  std::uint32_t max_worker_kills = 3;
  /// How long workers have for leaving once the run is over.
  Duration leave_grace = std::chrono::seconds(5);
  /// Bounds of the queue of tasks taken from the input but not dispatched.
  std::uint64_t max_queued_tasks = 100'000;
  std::uint64_t max_queued_bytes = 64ULL << 20;
};

}  // namespace drover::core
