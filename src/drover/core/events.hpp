// What can happen to the scheduler, and what it can ask for. Events come in, commands go out; the
// facts between them are in facts.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"

namespace drover::core {

/// One attempt on its way to a worker.
struct Assignment {
  AttemptId attempt;
  TaskSpec spec;
  OwnerId owner;

  friend bool operator==(const Assignment&, const Assignment&) = default;
};

namespace event {

struct TasksSubmitted {
  OwnerId owner;
  std::vector<TaskSpec> tasks;
};

/// These tasks, unclaimed so far, were submitted again: they go on, and belong to this owner.
struct TasksClaimed {
  OwnerId owner;
  std::vector<TaskId> tasks;
};

/// The batch's input has been read to its end.
struct InputEnded {};

/// These tasks are not wanted any more.
struct CancelRequested {
  std::vector<TaskId> tasks;
};

/// A group is connected. Its number and those of its members come from next_group() and next_worker().
struct GroupFormed {
  GroupSource source{};
  std::uint32_t population = 0;
  std::string hosts;
};

/// A group that was asked for does not come.
struct GrowthFailed {
  std::string reason;
};

/// A member of a group says that it is there and ready to work.
struct WorkerAnnounced {
  WorkerId worker;
  std::string host;
  std::int32_t pid = 0;
  std::uint32_t num_slots = 1;
};

/// Anything a worker says. All lists empty: a sign of life.
struct WorkerReported {
  WorkerId worker;
  std::vector<AttemptId> started;
  std::vector<AttemptResult> ended;
  std::vector<AttemptId> handed_back;
  /// How many of the attempts that execute only wait for other tasks, and leave their slots to them.
  std::uint32_t num_waiting = 0;
};

/// The worker's last word: it has handed back everything.
struct WorkerLeft {
  WorkerId worker;
};

/// The transport, or a message that makes no sense, says that the worker is lost.
struct WorkerFailed {
  WorkerId worker;
  std::string reason;
};

struct DrainRequested {
  std::vector<WorkerId> workers;
  bool now = false;  ///< hand back what executes too
};

struct StopRequested {
  StopReason reason{};
  bool kill = false;
  /// End what still executes at this time.
  std::optional<Time> kill_at;
};

/// The run's time ends then: nothing is started that cannot finish by then.
struct TimeLimited {
  Time end;
};

/// The master is going to be deaf for so long: give workers enough to do.
struct PauseAhead {
  Duration length{};
};

/// What lies behind the scheduler (journal, outputs) cannot keep up: dispatch nothing for now.
struct HoldChanged {
  bool hold = false;
};

/// Whether somebody outside has seen to it that workers come, sooner or later.
struct WorkersAwaited {
  bool are_awaited = false;
};

/// All messages that had arrived have been handled; deadlines may be judged.
struct Ticked {};

}  // namespace event

using Event =
    std::variant<event::TasksSubmitted, event::TasksClaimed, event::InputEnded, event::CancelRequested,
                 event::GroupFormed, event::GrowthFailed, event::WorkerAnnounced, event::WorkerReported,
                 event::WorkerLeft, event::WorkerFailed, event::DrainRequested, event::StopRequested,
                 event::TimeLimited, event::PauseAhead, event::HoldChanged, event::WorkersAwaited, event::Ticked>;

namespace command {

/// Answer to an announcement.
struct Welcome {
  WorkerId worker;
  GroupId group;
  std::uint32_t first_job_slot = 0;
};

struct SendTicket {
  WorkerId worker;
  std::vector<Assignment> assignments;
};

/// Hand these back unless they have begun.
struct Recall {
  WorkerId worker;
  std::vector<AttemptId> attempts;
};

/// End these if they execute, hand them back if not.
struct Kill {
  WorkerId worker;
  std::vector<AttemptId> attempts;
};

/// Finish what executes (`now`: end it), hand back the rest, leave.
struct Drain {
  WorkerId worker;
  bool now = false;
};

/// Nothing more will come from or go to this worker.
struct Forget {
  WorkerId worker;
};

/// No member of the group is left: let go of what connects it.
struct ReleaseGroup {
  GroupId group;
  GroupEnd how{};
};

/// Bring in a group of so many workers on this host; to be answered by GroupFormed or GrowthFailed.
struct Grow {
  std::uint32_t population = 0;
};

/// A worker that is not one (any more) was heard: tell it to leave, take nothing from it.
struct Fence {
  WorkerId worker;
};

/// The task has its terminal record; its result goes to its owner.
struct Deliver {
  TaskId task;
  OwnerId owner;
  /// The attempt whose output is the task's; `n` is 0 when there is none.
  AttemptId attempt;
  TaskEnd how{};
  std::string tag;
};

/// What this attempt wrote is not to be seen.
struct DiscardOutput {
  AttemptId attempt;
};

}  // namespace command

using Command =
    std::variant<command::Welcome, command::SendTicket, command::Recall, command::Kill, command::Drain, command::Forget,
                 command::ReleaseGroup, command::Grow, command::Fence, command::Deliver, command::DiscardOutput>;

/// What handling an event came to: record the facts first, then perform the commands, each in order.
struct Outbox {
  std::vector<Fact> facts;
  std::vector<Command> commands;
};

}  // namespace drover::core
