// What a seed stands for: the work, the farm and the faults of one world. Swarm testing (Groce et
// al., 2012): each world has only some of the faults, so that none hides the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/policy.hpp"
#include "random.hpp"

namespace drover::simulation {

/// What becomes of an attempt that is executed to its end.
enum class Behaviour : std::uint8_t { succeeds, fails, is_flaky, times_out, cannot_start, kills_worker };

struct PlannedTask {
  Behaviour behaviour{};
  core::Time available_at{};  ///< when the input offers it
  std::uint32_t payload_bytes = 0;
};

struct PlannedGroup {
  core::Time at{};
  std::vector<std::uint32_t> num_slots;  ///< one entry a worker
};

struct PlannedFault {
  enum class Kind : std::uint8_t {
    kill,         ///< a worker dies
    freeze,       ///< a worker does nothing for `length`, then goes on
    cut,          ///< nothing passes between a worker and the master any more
    false_alarm,  ///< the transport says that a worker is lost which is not
    drain,
    drain_now,
    hold,   ///< nothing is to be dispatched for `length`
    pause,  ///< the master does nothing for `length`
    stop,
    stop_kill,
    submit,  ///< a control client adds a few tasks
  };
  static constexpr std::size_t kNumKinds = 11;
  Kind kind{};
  core::Time at{};
  core::Duration length{};
};

struct RuntimeShape {
  enum class Kind : std::uint8_t { constant, uniform, exponential, heavy_tailed };
  Kind kind{};
  core::Duration typical{};

  /// At most a thousand times `typical`.
  [[nodiscard]] core::Duration draw(Random& random) const;
};

struct Plan {
  std::uint64_t seed = 0;
  core::Policy policy;
  core::Duration heartbeat{};
  core::Duration master_lease{};

  std::vector<PlannedTask> tasks;
  RuntimeShape runtime;

  /// A message is under way for a time between these.
  core::Duration shortest_delay{};
  core::Duration longest_delay{};
  /// How long master and workers take to look at what has arrived, at the most.
  core::Duration longest_latency{};
  /// Delays are small against the lease: no worker that lives and talks may be lost to it.
  bool is_sound = true;
  /// The last messages of a worker that dies may be lost.
  bool loses_last_words = false;
  /// The transport tells of deaths, about as soon as they happen.
  bool tells_of_deaths = false;
  /// Some ranks die before they were ever welcome.
  bool has_stillborn_workers = false;
  /// Commands are performed after each event instead of after each turn.
  bool performs_at_once = false;

  std::vector<PlannedGroup> groups;
  std::vector<PlannedFault> faults;
  /// From here on nothing goes wrong any more, and an empty farm is given a new group.
  core::Time faults_end{};
  /// When work must have ended at the latest.
  core::Time end_limit{};
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);

/// One line: what is special about it.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace drover::simulation
