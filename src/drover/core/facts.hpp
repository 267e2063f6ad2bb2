// What has happened in a run: the facts that the journal keeps, in the order in which they became
// true. State changes by applying facts and in no other way, so that a live run and the replay of
// its journal cannot drift apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"

namespace drover::core {

/// The one record with which a task ends.
enum class TaskEnd : std::uint8_t { succeeded, failed, timed_out, cancelled, quarantined };

/// Why a worker is no longer one.
enum class WorkerEnd : std::uint8_t {
  drained,  ///< left as it was asked to
  lost,     ///< not heard for a lease, or the transport saw it die
  refused,  ///< never became a worker: another version, a damaged message
};

/// How a group came in.
enum class GroupSource : std::uint8_t {
  world,  ///< with the master, by the launcher
  spawn,  ///< MPI_Comm_spawn by the master
  join,   ///< by a launcher of its own, connected later
};

/// How a group came to its end.
enum class GroupEnd : std::uint8_t {
  left,  ///< every member left as it was asked to
  lost,  ///< some were lost, or never announced themselves
};

/// Why nothing more is dispatched.
enum class StopReason : std::uint8_t {
  requested,
  halt_policy,
  time_limit,
  rollover,    ///< the run goes on in a new MPI job
  no_workers,  ///< none is left, and none came for as long as was to be waited
  internal,
};

namespace fact {

/// A task was taken from its submitter and has its number.
struct TaskAccepted {
  TaskId task;
  OwnerId owner;
  TaskSpec spec;
};

/// A task that an earlier session left unfinished was submitted again, and goes on.
struct TaskClaimed {
  TaskId task;
  OwnerId owner;
};

/// The batch has no further tasks.
struct InputEnded {};

/// A group is connected; its members `first_worker .. first_worker + population - 1` are still to
/// announce themselves.
struct GroupFormed {
  GroupId group;
  GroupSource source{};
  WorkerId first_worker;
  std::uint32_t population = 0;
  std::string hosts;  ///< as they were asked for; empty: nobody did
};

/// No member is left.
struct GroupEnded {
  GroupId group;
  GroupEnd how{};
};

/// More workers were asked for.
struct GrowthRequested {
  std::uint32_t population = 0;
  std::string reason;
};

/// A group that was asked for does not come.
struct GrowthFailed {
  std::string reason;
};

/// The host gets no more work.
struct HostQuarantined {
  std::string host;
  std::string reason;
};

struct WorkerJoined {
  WorkerId worker;
  GroupId group;
  std::string host;
  std::int32_t pid = 0;
  std::uint32_t num_slots = 0;
  /// Its slots are job slots `first_job_slot .. first_job_slot + num_slots - 1` of the farm.
  std::uint32_t first_job_slot = 0;
};

struct WorkerEnded {
  WorkerId worker;
  WorkerEnd how{};
  std::string reason;
};

/// The worker finishes what executes, hands back the rest and leaves.
struct WorkerDraining {
  WorkerId worker;
};

struct AttemptDispatched {
  AttemptId attempt;
  WorkerId worker;
};

struct AttemptStarted {
  AttemptId attempt;
};

/// A result of the current attempt of a task.
struct AttemptEnded {
  AttemptResult result;
  WorkerId worker;
};

/// A result of an attempt that is not the current one: counted and dropped.
struct AttemptSuperseded {
  AttemptId attempt;
  WorkerId worker;
};

/// Not begun, and back with the master; costs the task nothing.
struct AttemptHandedBack {
  AttemptId attempt;
};

/// Gone with its worker. `charged`: it was executing, which counts against the task.
struct AttemptLost {
  AttemptId attempt;
  WorkerId worker;
  bool charged = false;
};

/// The task waits before its next attempt.
struct TaskDelayed {
  TaskId task;
  Time until;
};

/// The task is to end as cancelled, unless an attempt ends first.
struct TaskCancelRequested {
  TaskId task;
};

struct TaskEnded {
  TaskId task;
  OwnerId owner;
  TaskEnd how{};
};

/// Nothing is dispatched from here on. `kill`: what executes is ended too.
struct DispatchStopped {
  StopReason reason{};
  bool kill = false;
};

}  // namespace fact

using Fact = std::variant<fact::TaskAccepted, fact::TaskClaimed, fact::InputEnded, fact::GroupFormed, fact::GroupEnded,
                          fact::GrowthRequested, fact::GrowthFailed, fact::HostQuarantined, fact::WorkerJoined,
                          fact::WorkerEnded, fact::WorkerDraining, fact::AttemptDispatched, fact::AttemptStarted,
                          fact::AttemptEnded, fact::AttemptSuperseded, fact::AttemptHandedBack, fact::AttemptLost,
                          fact::TaskDelayed, fact::TaskCancelRequested, fact::TaskEnded, fact::DispatchStopped>;

[[nodiscard]] constexpr std::string_view to_string(TaskEnd how) {
  switch (how) {
    case TaskEnd::succeeded:
      return "succeeded";
    case TaskEnd::failed:
      return "failed";
    case TaskEnd::timed_out:
      return "timed_out";
    case TaskEnd::cancelled:
      return "cancelled";
    case TaskEnd::quarantined:
      return "quarantined";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_string(WorkerEnd how) {
  switch (how) {
    case WorkerEnd::drained:
      return "drained";
    case WorkerEnd::lost:
      return "lost";
    case WorkerEnd::refused:
      return "refused";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_string(GroupSource source) {
  switch (source) {
    case GroupSource::world:
      return "world";
    case GroupSource::spawn:
      return "spawn";
    case GroupSource::join:
      return "join";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_string(GroupEnd how) {
  switch (how) {
    case GroupEnd::left:
      return "left";
    case GroupEnd::lost:
      return "lost";
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::requested:
      return "requested";
    case StopReason::halt_policy:
      return "halt_policy";
    case StopReason::time_limit:
      return "time_limit";
    case StopReason::rollover:
      return "rollover";
    case StopReason::no_workers:
      return "no_workers";
    case StopReason::internal:
      return "internal";
  }
  return "";
}

}  // namespace drover::core
