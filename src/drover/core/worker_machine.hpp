// A worker's mind: what to execute next, what to say to the master, when to leave.
//
// Pure, like the scheduler: `handle(event, now)` gives what to do, in order. A start is preceded by
// the report that announces it, so that the master knows what a dying worker was executing.
// Attempts start in the order in which they came. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "drover/core/events.hpp"

namespace drover::core {

namespace worker_event {

struct TicketArrived {
  std::vector<Assignment> assignments;
};
struct RecallArrived {
  std::vector<AttemptId> attempts;
};
struct KillArrived {
  std::vector<AttemptId> attempts;
};
struct DrainArrived {
  bool now = false;
};
/// Any sign of life from the master.
struct MasterHeard {};
/// An attempt that was started has ended, one way or another.
struct AttemptEnded {
  AttemptResult result;
};
/// An attempt begins to wait for other tasks, and leaves its slot to others; or goes on.
struct AttemptWaits {
  AttemptId attempt;
  bool is_waiting = false;
};
struct Ticked {};

}  // namespace worker_event

using WorkerEvent = std::variant<worker_event::TicketArrived, worker_event::RecallArrived, worker_event::KillArrived,
                                 worker_event::DrainArrived, worker_event::MasterHeard, worker_event::AttemptEnded,
                                 worker_event::AttemptWaits, worker_event::Ticked>;

namespace worker_command {

/// Say this to the master now. All lists empty: a sign of life.
struct Report {
  std::vector<AttemptId> started;
  std::vector<AttemptResult> ended;
  std::vector<AttemptId> handed_back;
  std::uint32_t num_waiting = 0;  ///< of the attempts that execute, at this moment

  friend bool operator==(const Report&, const Report&) = default;
};
struct Start {
  Assignment assignment;
  std::uint32_t slot = 0;  ///< on this worker, from 1; 0: of a function started ahead, whichever is free first
};
/// End this attempt; its result still comes, as Killed.
struct Stop {
  AttemptId attempt;
};
/// Say goodbye and go: nothing is left here.
struct Leave {};
/// The master is gone: end what executes and go, there is nobody to say goodbye to.
struct Abandon {};

}  // namespace worker_command

using WorkerCommand = std::variant<worker_command::Report, worker_command::Start, worker_command::Stop,
                                   worker_command::Leave, worker_command::Abandon>;

struct WorkerPolicy {
  std::uint32_t num_slots = 1;
  /// Something is said to the master at least this often.
  Duration heartbeat = std::chrono::seconds(1);
  /// How long to go on without a word from the master.
  Duration master_lease = std::chrono::seconds(30);
  /// Functions that take next to nothing may be started before a slot is free, so many for each: who
  /// executes them takes the next one by itself. Only first attempts, of which no worker has died yet:
  /// if this worker dies, all that it has started is charged for it.
  std::uint32_t max_ahead = 0;
};

class WorkerMachine {
 public:
  WorkerMachine(WorkerPolicy policy, Time now);

  /// Handles one event that happened no later than `now`; `now` never decreases.
  [[nodiscard]] std::vector<WorkerCommand> handle(const WorkerEvent& event, Time now) {
    return handle({&event, 1}, now);
  }
  /// Several that were found together: what there is to say of them is said at once.
  [[nodiscard]] std::vector<WorkerCommand> handle(std::span<const WorkerEvent> events, Time now);

  /// When to call with `Ticked` at the latest, if nothing else happens before.
  [[nodiscard]] Time next_deadline() const;

  /// Time for which the slots have work beyond what they execute: no message is more urgent than that. Zero
  /// while attempts wait for others: a message may bring what they wait for.
  [[nodiscard]] Duration work_ahead() const;

  [[nodiscard]] std::size_t num_running() const { return running_.size(); }
  [[nodiscard]] bool is_draining() const { return is_draining_; }

  /// The first broken invariant in words; empty when all hold.
  [[nodiscard]] std::string check_invariants() const;

 private:
  void on(const worker_event::TicketArrived& event);
  void on(const worker_event::RecallArrived& event);
  void on(const worker_event::KillArrived& event);
  void on(const worker_event::DrainArrived& event);
  void on(const worker_event::MasterHeard& event);
  void on(const worker_event::AttemptEnded& event);
  void on(const worker_event::AttemptWaits& event);
  void on(const worker_event::Ticked& event);

  void free_slot(std::uint32_t slot);
  [[nodiscard]] bool may_start(const Assignment& assignment) const;
  void hand_back_queued(const std::vector<AttemptId>& attempts);
  void settle();

  WorkerPolicy policy_;
  Time now_;
  Time last_said_;
  Time master_heard_;
  Time last_tick_;

  std::deque<Assignment> queue_;
  std::map<AttemptId, std::uint32_t> running_;  ///< -> slot, 0: has none
  std::set<AttemptId> waiting_;                 ///< of those, and without a slot
  std::set<AttemptId> ahead_;                   ///< of those: have not had a slot yet
  std::optional<Duration> mean_runtime_;
  std::set<std::uint32_t> free_slots_;
  bool is_draining_ = false;
  bool has_left_ = false;
  bool must_speak_ = false;

  worker_command::Report report_;
  std::vector<WorkerCommand> stops_;
  std::vector<WorkerCommand> out_;
};

}  // namespace drover::core
