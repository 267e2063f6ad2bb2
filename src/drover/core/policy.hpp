// The rules of a run that a user may set, as plain values and pure functions of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

/// How the farm changes by itself.
struct ScalePolicy {
  /// Grow up to so many workers, counting those that are on their way; 0: never by itself.
  std::uint32_t max_workers = 0;
  /// Grow when at least so many tasks wait for a worker.
  std::uint64_t backlog = 1;
  /// Pause between two growths; doubles after each that failed.
  Duration cool_down = std::chrono::seconds(10);
  /// A request for workers that is not answered within this counts as failed.
  Duration answer_wait = std::chrono::minutes(2);
  /// Replace workers of this host that were lost: so many over the run.
  std::uint32_t max_respawns = 0;
  /// Pause before a replacement; doubles while replacements are lost without having succeeded once.
  Duration respawn_delay = std::chrono::seconds(1);
  /// The host whose lost workers are replaced: the master's.
  std::string local_host;
  /// Let a group go that came later than the world and had nothing to do for so long.
  std::optional<Duration> idle_timeout;
};

/// All that decides a scheduler's behaviour.
struct Policy {
  RetryPolicy retry;
  HaltPolicy halt;
  CreditPolicy credit;
  ScalePolicy scale;
  /// How long a worker is trusted without a word from it.
  Duration lease = std::chrono::seconds(10);
  /// How long the members of a new group have to announce themselves.
  Duration announce_grace = std::chrono::seconds(60);
  /// How long a run with work and without workers, and none on the way, waits for some.
  Duration worker_wait = std::chrono::minutes(5);
  /// A host that lost so many workers with no success in between gets no more work, unless it is the
  /// only one with workers; 0: never.
  std::uint32_t max_host_losses = 5;
  /// What a task may need, for the time limit; else the mean of those that ended.
  std::optional<Duration> time_request;
  /// A task that was executing in this many workers as they died is quarantined.
  std::uint32_t max_worker_kills = 3;
  /// How long workers have for leaving once the run is over.
  Duration leave_grace = std::chrono::seconds(5);
  /// Bounds of the queue of tasks taken from the input but not dispatched.
  std::uint64_t max_queued_tasks = 100'000;
  std::uint64_t max_queued_bytes = 64ULL << 20;
};

}  // namespace drover::core
