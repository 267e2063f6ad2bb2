// What of a run outlives its master: all that a new scheduler needs to go on where another stopped.
//
// Workers are not part of it: a new master has none of the old one's, so what was with a worker is
// ready again, and costs its task nothing. Neither are pauses before a retry, nor what the old master
// was asked to do. Replaying any prefix of a run's facts gives the snapshot that the run had there.
#pragma once

#include <cstdint>
#include <vector>

#include "drover/core/counts.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"

namespace drover::core {

/// A task without a terminal record.
struct UnfinishedTask {
  TaskId id;
  OwnerId owner;
  TaskSpec spec;
  std::uint32_t num_attempts = 0;  ///< the next attempt has the number that follows
  std::uint32_t num_failures = 0;
  std::uint32_t num_worker_kills = 0;
  bool is_cancelled = false;  ///< and ends as that, unless an attempt ends first
  bool is_unclaimed = false;  ///< who submitted it is gone, and may submit it again: not dispatched before

  friend bool operator==(const UnfinishedTask&, const UnfinishedTask&) = default;
};

struct Snapshot {
  /// Those of tasks that wait, are dispatched or execute are 0.
  Counts totals;
  /// In the order of their numbers.
  std::vector<UnfinishedTask> unfinished;
  bool is_input_ended = false;
  /// Numbers are never used again.
  WorkerId next_worker{1};
  GroupId next_group{0};

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace drover::core
