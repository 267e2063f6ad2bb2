// What the code on the master sees of the farm while it runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "drover/control/replies.hpp"
#include "drover/control/requests.hpp"
#include "drover/farm/broadcast.hpp"
#include "drover/farm/submitter.hpp"

namespace drover {

using control::HostName;
using control::HostSlots;
using control::WayIn;
using core::GroupId;
using core::WorkerId;

/// What `drover status --json` says: the run's phase, counts of tasks, groups, workers.
using FarmStatus = control::reply::Status;
/// A group that has come: its number, how it came in, how many workers it has and where.
using FarmGroup = control::reply::ScaleAdded;
/// Workers that have gone: how many left as they were asked to, and how many died before.
using FarmDrained = control::reply::Drained;
/// Who is to go: a group, a worker, or all workers of a host.
using FarmPart = std::variant<GroupId, WorkerId, HostName>;

/// Where workers are to be added, and how.
struct GrowOptions {
  /// Empty: here, or on free slots of the allocation.
  std::vector<HostSlots> hosts{};
  /// Tasks at once on each worker; 0: as the run has it.
  std::uint32_t slots_per_worker = 0;
  /// Spawned by the master, or joined by an mpirun of its own; automatic: as it is possible.
  WayIn via = WayIn::automatic;
};

/// Thread-safe, as are the futures that it gives. Waiting functions throw RunStopped when the run ends
/// before what they wait for.
class Session : public Submitter {
 public:
  /// For the farm.
  Session(std::shared_ptr<runtime::CallBoard> board, std::filesystem::path run_dir);

  /// A barrier: waits until all that was submitted so far, and until then, has ended, and all that was to
  /// be done then() is done.
  void wait_all() { board().wait_all(tally()); }

  /// Makes a value known that many tasks use: each worker gets it once, not with each task, also one that comes
  /// later. See Broadcast. When a run is gone on with, the tasks that others had made wait until the session submits
  /// its first: broadcast before it what they use.
  template <class T>
  [[nodiscard]] Broadcast<T> broadcast(const T& value) {
    return Broadcast<T>(shared_board(), board().shelf().put(detail::to_bytes(value)));
  }

  // The farm itself is steered as `drover status` and `drover scale` do it.

  /// How the run stands now.
  [[nodiscard]] FarmStatus status() const;

  /// Adds so many workers (0, only with hosts: one for each of their slots) and waits until they work. They
  /// are one group, or one for each host. Throws Error, which says why none came.
  std::vector<FarmGroup> grow(std::uint32_t num_workers, const GrowOptions& options = {});

  /// Has workers finish what they execute (`now`: hand it back, to be executed elsewhere) and leave, and
  /// waits until they have. Throws Error when there are none.
  FarmDrained drain(const FarmPart& part, bool now = false);

 private:
  std::filesystem::path run_dir_;
};

}  // namespace drover
