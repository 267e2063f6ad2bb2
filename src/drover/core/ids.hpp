// The identifiers of drover's world. All count from 1; 0 means "none".
#pragma once

#include <cstdint>

#include "drover/support/strong_id.hpp"

namespace drover::core {

/// Position of a task in its run, in order of acceptance.
using TaskId = support::StrongId<struct TaskTag, std::uint64_t>;
/// A worker, for ever: never given to another, so a result from a lost worker can be recognised.
using WorkerId = support::StrongId<struct WorkerTag, std::uint32_t>;
/// The workers that came together; group 0 came with the world.
using GroupId = support::StrongId<struct GroupTag, std::uint32_t>;
/// Who submitted a task and gets its result; 0 is the batch itself.
using OwnerId = support::StrongId<struct OwnerTag, std::uint32_t>;

/// The owners that are workers are numbered apart from all others.
inline constexpr std::uint32_t kFirstWorkerOwner = 0x8000'0000;
[[nodiscard]] constexpr OwnerId owner_of(WorkerId worker) {
  return OwnerId(kFirstWorkerOwner + worker.value);
}
[[nodiscard]] constexpr bool is_worker(OwnerId owner) {
  return owner.value >= kFirstWorkerOwner;
}
/// A client of the control channel; no owner is the batch itself.
[[nodiscard]] constexpr bool is_client(OwnerId owner) {
  return !owner.is_none() && !is_worker(owner);
}
/// Of an owner that is one.
[[nodiscard]] constexpr WorkerId worker_of(OwnerId owner) {
  return WorkerId(owner.value - kFirstWorkerOwner);
}

/// One dispatch of a task: `(task, n)`, n from 1. A result names its attempt.
struct AttemptId {
  TaskId task;
  std::uint32_t n = 0;

  friend constexpr auto operator<=>(const AttemptId&, const AttemptId&) = default;
};

}  // namespace drover::core
