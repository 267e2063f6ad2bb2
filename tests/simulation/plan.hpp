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

struct PlannedWorker {
  std::uint32_t num_slots = 1;
  double slowness = 1;  ///< its attempts take so many times as long
  std::uint32_t host = 0;
  bool is_stillborn = false;  ///< dies before it was ever welcome
};

struct PlannedGroup {
  core::Time at{};
  std::vector<PlannedWorker> workers;
};

struct PlannedFault {
  enum class Kind : std::uint8_t {
    kill,         ///< a worker dies
    kill_group,   ///< all workers of a group die
    freeze,       ///< a worker does nothing for `length`, then goes on
    cut,          ///< nothing passes between a worker and the master any more
    false_alarm,  ///< the transport says that a worker is lost which is not
    drain,
    drain_now,
    drain_group,
    hold,          ///< nothing is to be dispatched for `length`
    pause,         ///< the master does nothing for `length`
    spoken_pause,  ///< the same, and it knows beforehand
    stop,
    stop_later,  ///< what executes after `length` is ended then
    stop_kill,
    time_limit,  ///< the run's time ends `length` later
    submit,      ///< a control client adds a few tasks
    cancel,      ///< some tasks are not wanted any more
    crash,       ///< the master dies, and `length` later another goes on from the records
  };
  Kind kind{};
  core::Time at{};
  core::Duration length{};
};

struct RuntimeShape {
  enum class Kind : std::uint8_t { constant, uniform, exponential, heavy_tailed };
  Kind kind{};
  core::Duration typical{};

  /// At most longest().
  [[nodiscard]] core::Duration draw(Random& random) const;
  /// A hundred times `typical`.
  [[nodiscard]] core::Duration longest() const;
};

/// What becomes of a request for more workers.
struct GrowthShape {
  double fails = 0;
  double is_lost = 0;  ///< never answered
  core::Duration longest{};
  bool blocks = false;  ///< the master does nothing meanwhile
};

struct Plan {
  std::uint64_t seed = 0;
  core::Policy policy;
  core::Duration heartbeat{};
  core::Duration master_lease{};

  std::vector<PlannedTask> tasks;
  /// When the input comes to its end, all tasks given.
  core::Time input_ends{};
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
  /// Commands are performed after each event instead of after each turn.
  bool performs_at_once = false;

  std::vector<PlannedGroup> groups;  ///< the first is that of the world
  std::vector<PlannedFault> faults;
  GrowthShape growth;
  /// From here on nothing goes wrong any more.
  core::Time faults_end{};
  /// And from here on nobody waits for something that was planned.
  core::Time quiet_from{};
  /// Somebody gives an empty farm a new group then; else the run ends for want of workers.
  bool is_tended = true;
  /// Nothing may go on for so long without anything being done, once nothing goes wrong any more.
  core::Duration patience{};
  /// When work must have ended at the latest.
  core::Time end_limit{};

  [[nodiscard]] bool has(PlannedFault::Kind kind) const;
};

[[nodiscard]] std::string host_name(std::uint32_t host);

[[nodiscard]] Plan draw_plan(std::uint64_t seed);

/// One line: what is special about it.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace drover::simulation
