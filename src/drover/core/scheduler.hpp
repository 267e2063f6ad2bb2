// The master's mind: which task goes to which worker, and what to do when either ends.
//
// Pure: no I/O, no clock, no thread. `handle(event, now)` decides; each decision is a fact, applied by
// `apply` (which replay of a journal uses too) and put in the outbox with the commands that follow
// from it. The caller records the facts, then performs the commands. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "drover/core/counts.hpp"
#include "drover/core/events.hpp"
#include "drover/core/growth.hpp"
#include "drover/core/policy.hpp"
#include "drover/core/snapshot.hpp"

namespace drover::core {

/// A worker as status and control commands see it.
struct WorkerView {
  WorkerId worker;
  GroupId group;
  std::string host;
  std::uint32_t num_slots = 0;
  std::uint64_t num_held = 0;
  std::uint64_t num_executing = 0;
  bool is_draining = false;
  Time last_heard{};
};

struct GroupView {
  GroupId group;
  GroupSource source{};
  std::uint32_t population = 0;
  std::uint32_t num_announced = 0;  ///< have joined, and not ended
  std::uint32_t num_pending = 0;    ///< have not announced themselves yet
  std::string hosts;
};

/// Where an unfinished task is.
struct TaskView {
  enum class State : std::uint8_t { unclaimed, ready, delayed, dispatched, executing };
  State state{};
  std::uint64_t num_ahead = 0;  ///< ready: how many go first
  WorkerId worker;              ///< dispatched, executing
  std::optional<Time> until;    ///< delayed
  std::uint32_t num_attempts = 0;
  std::uint32_t num_failures = 0;
  std::uint32_t num_worker_kills = 0;
  bool is_cancelled = false;
};

/// Tasks of the queue.
struct QueueShare {
  std::uint64_t num_tasks = 0;
  std::uint64_t num_bytes = 0;
};

class Scheduler {
 public:
  enum class Phase : std::uint8_t {
    running,   ///< tasks are dispatched, or may yet come
    stopping,  ///< nothing more is dispatched; waits for what is out
    closing,   ///< no attempt is out; workers are asked to leave
    closed,    ///< no worker is left: the end
  };

  /// Goes on from `start`; a new run starts from an empty one.
  explicit Scheduler(Policy policy, Snapshot start = {});

  /// Handles one event that happened no later than `now`; `now` never decreases.
  [[nodiscard]] Outbox handle(const Event& event, Time now);

  /// Makes a recorded fact true. The only way state changes; for replay, facts in recorded order.
  void apply(const Fact& fact);

  /// What another scheduler needs to go on from here. Copies all unfinished tasks.
  [[nodiscard]] Snapshot snapshot() const;

  /// When to call with `Ticked` at the latest, if nothing else happens before.
  [[nodiscard]] Time next_deadline() const;

  /// How many more tasks the queue has room for: the back-pressure on the input.
  [[nodiscard]] std::size_t num_wanted_tasks() const;

  /// Whether tasks are unfinished, or may yet come from the input.
  [[nodiscard]] bool has_work_left() const { return !is_input_ended_ || !tasks_.empty(); }

  /// Whether the input may have more tasks than the queue has taken from it.
  [[nodiscard]] bool has_more_input() const { return !is_input_ended_ && num_wanted_tasks() == 0; }

  /// Time for which the slots have work beyond what they execute: no report is more urgent than that. Zero
  /// while attempts wait for others: what is reported may be what they wait for.
  [[nodiscard]] Duration work_ahead() const;

  /// What the queue is below its bounds; what others submit is taken only while it is.
  [[nodiscard]] QueueShare queue_room() const;
  [[nodiscard]] bool has_queue_room() const;

  /// Whether this attempt is the current one of its task and with this worker.
  [[nodiscard]] bool is_current(AttemptId attempt, WorkerId worker) const;

  /// How people know an unfinished task: its tag, or its payload when it has none.
  [[nodiscard]] const std::string& tag(TaskId task) const;
  /// How many unfinished tasks wait to be submitted again.
  [[nodiscard]] std::uint64_t num_unclaimed() const { return num_unclaimed_; }
  /// Of an unfinished task.
  [[nodiscard]] OwnerId owner(TaskId task) const { return tasks_.at(task).owner; }

  [[nodiscard]] std::vector<WorkerView> workers() const;
  [[nodiscard]] std::vector<GroupView> groups() const;
  /// Whether it was accepted and has no terminal record.
  [[nodiscard]] bool is_unfinished(TaskId task) const { return tasks_.contains(task); }
  /// None when there is no such task, or it has its terminal record. Takes time in proportion to the queue.
  [[nodiscard]] std::optional<TaskView> task(TaskId task) const;
  [[nodiscard]] bool is_quarantined(const std::string& host) const;
  [[nodiscard]] const std::set<std::string>& quarantined_hosts() const { return quarantined_hosts_; }

  /// The numbers of the group that forms next, and of its first member; the others follow.
  [[nodiscard]] GroupId next_group() const { return next_group_; }
  [[nodiscard]] WorkerId next_worker() const { return next_worker_; }

  /// Whether tasks may still be submitted.
  [[nodiscard]] bool is_open() const { return phase_ == Phase::running; }
  /// Whether workers are on their way, or will be asked for without anybody's doing.
  [[nodiscard]] bool expects_workers() const {
    return num_pending_ > 0 || growth_.is_under_way() || are_workers_awaited_;
  }

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::uint64_t num_workers() const { return workers_.size(); }
  [[nodiscard]] std::uint64_t num_busy_workers() const;
  [[nodiscard]] std::uint64_t num_slots() const { return num_slots_; }
  /// Whether a worker could execute more than there is to execute.
  [[nodiscard]] bool has_idle_slots() const;
  [[nodiscard]] std::optional<StopReason> stop_reason() const { return stop_reason_; }
  /// A moving mean of how long attempts take; none before the first ended.
  [[nodiscard]] std::optional<Duration> mean_runtime() const { return mean_runtime_; }

  /// The first broken invariant in words; empty when all hold. For tests: visits everything.
  [[nodiscard]] std::string check_invariants() const;

 private:
  /// Until who submitted it does so again.
  struct Unclaimed {};
  struct Ready {};
  struct Delayed {
    Time until;
  };
  struct Dispatched {
    WorkerId worker;
    std::uint64_t position = 0;  ///< in the order of dispatch: key in Worker::held
    bool started = false;
  };
  struct Task {
    OwnerId owner;
    TaskSpec spec;
    std::uint32_t num_attempts = 0;
    std::uint32_t num_failures = 0;
    std::uint32_t num_worker_kills = 0;
    bool is_cancelled = false;
    std::variant<Ready, Unclaimed, Delayed, Dispatched> state;
  };
  struct Group {
    GroupSource source{};
    std::uint32_t population = 0;
    std::string hosts;
    std::set<WorkerId> pending;  ///< have not announced themselves yet
    std::set<WorkerId> members;  ///< have joined, and not ended
    bool has_losses = false;
    Time announce_deadline{};
    Time idle_since{};  ///< when a member was last awaited, joined, or had an attempt come or go
  };
  struct Worker {
    GroupId group;
    std::string host;
    std::uint32_t num_slots = 1;
    std::uint32_t first_job_slot = 1;
    bool draining = false;
    std::uint32_t num_waiting = 0;   ///< attempts that wait for others, and leave their slots to them
    std::uint32_t most_waiting = 0;  ///< ever: what it holds may exceed its room by so much
    bool recalled = false;           ///< a recall is under way; not another before its answer
    Time last_heard{};
    std::map<std::uint64_t, TaskId> held;  ///< by order of dispatch, which is the order of execution
    std::uint64_t num_bytes = 0;           ///< of the payloads that it holds

    /// What it holds for its slots.
    [[nodiscard]] std::size_t load() const { return held.size() - std::min<std::size_t>(num_waiting, held.size()); }
  };
  using Load = std::pair<std::uint64_t, WorkerId>;
  /// The place of a task among those that are ready: the lowest goes first.
  using Turn = std::pair<std::uint32_t, TaskId>;

  // Handlers, one an event.
  void on(const event::TasksSubmitted& event);
  void on(const event::TasksClaimed& event);
  void on(const event::InputEnded& event);
  void on(const event::CancelRequested& event);
  void on(const event::GroupFormed& event);
  void on(const event::GrowthFailed& event);
  void on(const event::WorkerAnnounced& event);
  void on(const event::WorkerReported& event);
  void on(const event::WorkerLeft& event);
  void on(const event::WorkerFailed& event);
  void on(const event::DrainRequested& event);
  void on(const event::StopRequested& event);
  void on(const event::TimeLimited& event);
  void on(const event::PauseAhead& event);
  void on(const event::HoldChanged& event);
  void on(const event::WorkersAwaited& event);
  void on(const event::Ticked& event);

  void on_ended(WorkerId worker, const AttemptResult& result);
  void end_worker(WorkerId id, WorkerEnd how, const std::string& reason);
  void take_back_held(WorkerId id, bool is_lost);
  void end_group_if_empty(GroupId id);
  void judge_host(const std::string& host);
  void drain_worker(WorkerId id, bool now);
  void end_task(TaskId id, TaskEnd how, AttemptId attempt);
  void end_if_cancelled(TaskId id);
  void expire_leases();
  void expire_groups();
  void expire_run();

  // What follows from the new state, whatever changed it.
  void settle();
  void release_delayed();
  void judge_halt();
  void judge_workers();
  void grow();
  void dispatch();
  void send_tickets();
  void balance();
  void advance_phase();
  void withdraw_dispatched(bool kill);

  // Appliers, one a fact.
  void apply_one(const fact::TaskAccepted& fact);
  void apply_one(const fact::TaskClaimed& fact);
  void apply_one(const fact::InputEnded& fact);
  void apply_one(const fact::GroupFormed& fact);
  void apply_one(const fact::GroupEnded& fact);
  void apply_one(const fact::GrowthRequested& fact);
  void apply_one(const fact::GrowthFailed& fact);
  void apply_one(const fact::HostQuarantined& fact);
  void apply_one(const fact::WorkerJoined& fact);
  void apply_one(const fact::WorkerEnded& fact);
  void apply_one(const fact::WorkerDraining& fact);
  void apply_one(const fact::AttemptDispatched& fact);
  void apply_one(const fact::AttemptStarted& fact);
  void apply_one(const fact::AttemptEnded& fact);
  void apply_one(const fact::AttemptSuperseded& fact);
  void apply_one(const fact::AttemptHandedBack& fact);
  void apply_one(const fact::AttemptLost& fact);
  void apply_one(const fact::TaskDelayed& fact);
  void apply_one(const fact::TaskCancelRequested& fact);
  void apply_one(const fact::TaskEnded& fact);
  void apply_one(const fact::DispatchStopped& fact);

  void emit(Fact fact);
  void leave_state(TaskId id, Task& task);
  void enter_ready(TaskId id, Task& task);
  void hold(WorkerId id, Worker& worker, TaskId task);
  void release(WorkerId id, Worker& worker, std::uint64_t position);
  void set_waiting(WorkerId id, Worker& worker, std::uint32_t num);
  [[nodiscard]] static Turn turn_of(TaskId id, const Task& task);
  [[nodiscard]] Load load_of(WorkerId id, const Worker& worker) const;
  [[nodiscard]] std::uint32_t credit_per_slot() const;
  [[nodiscard]] Duration expected_runtime() const;
  [[nodiscard]] std::optional<GroupId> group_awaiting(WorkerId worker) const;
  [[nodiscard]] std::uint32_t free_job_slots(std::uint32_t num) const;
  [[nodiscard]] const Dispatched* dispatched(AttemptId attempt, WorkerId worker) const;
  [[nodiscard]] std::vector<AttemptId> held_attempts(const Worker& worker, bool started_too) const;

  Policy policy_;
  Time now_{};
  Outbox out_;
  std::map<WorkerId, std::vector<Assignment>> tickets_;  ///< filled by dispatch, emptied by send_tickets

  std::unordered_map<TaskId, Task> tasks_;  ///< the unfinished ones; never iterated where order matters
  std::set<Turn> ready_;                    ///< what comes back goes to the head of its priority
  std::set<std::pair<Time, TaskId>> delayed_;
  std::vector<TaskId> cancelled_at_start_;  ///< of the snapshot; end with the first event
  std::map<WorkerId, Worker> workers_;
  std::map<GroupId, Group> groups_;
  std::map<std::string, std::uint32_t> host_losses_;  ///< since the host's last success; none: not there
  std::set<std::string> quarantined_hosts_;
  Growth growth_;
  std::set<Load> loads_;                              ///< workers that may be given work, least loaded first
  std::map<std::uint32_t, std::uint32_t> job_slots_;  ///< taken: first -> how many

  Counts totals_at_start_;  ///< those of earlier masters, which the halt policy leaves alone
  Counts totals_;           ///< ready, delayed and dispatched are derived instead
  std::uint64_t num_executing_ = 0;
  std::uint64_t num_dispatched_ = 0;
  std::uint64_t num_slots_ = 0;
  std::uint64_t num_pending_ = 0;
  std::uint64_t num_unclaimed_ = 0;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t next_position_ = 1;
  GroupId next_group_{0};
  WorkerId next_worker_{1};
  std::optional<Duration> mean_runtime_;

  Phase phase_ = Phase::running;
  std::optional<StopReason> stop_reason_;
  bool is_killing_ = false;
  bool is_input_ended_ = false;
  bool is_held_ = false;
  Time last_tick_{};
  bool has_ticked_ = false;
  Time closing_deadline_{};
  std::optional<Time> kill_at_;
  std::optional<Time> time_end_;
  std::optional<Duration> pause_ahead_;
  std::optional<Time> no_workers_since_;
  bool are_workers_awaited_ = false;
};

}  // namespace drover::core
