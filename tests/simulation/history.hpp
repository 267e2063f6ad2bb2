// The history checker: a second, slow and simple account of a run, made of nothing but what the
// scheduler was told and what it answered, and of what really happened. Throws a Violation at the
// first thing that is not as the guarantees of the design have it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coverage.hpp"
#include "drover/core/counts.hpp"
#include "drover/core/events.hpp"
#include "drover/core/policy.hpp"
#include "plan.hpp"
#include "reality.hpp"

namespace drover::simulation {

class History {
 public:
  History(const Plan& plan, const Reality& reality, Coverage& coverage)
      : plan_(&plan), reality_(&reality), coverage_(&coverage) {}

  /// `outbox` is what the scheduler answered to `event` at `now`.
  void observe(const core::Event& event, const core::Outbox& outbox, core::Time now);

  /// The master died, and another goes on from what is recorded.
  void restart();

  /// By when the scheduler must be called again, as far as this account knows.
  [[nodiscard]] core::Time next_deadline() const;

  /// The run has come to its end, and the scheduler says `counts`.
  void conclude(const core::Counts& counts) const;

  [[nodiscard]] bool is_member(core::WorkerId worker) const { return members_.contains(worker); }
  [[nodiscard]] std::vector<core::WorkerId> members() const;
  [[nodiscard]] std::vector<core::WorkerId> members_of(core::GroupId group) const;
  [[nodiscard]] std::vector<core::GroupId> groups() const;
  [[nodiscard]] std::vector<core::TaskId> unfinished() const;
  [[nodiscard]] bool is_stopped() const { return stop_.has_value(); }
  [[nodiscard]] bool is_input_ended() const { return is_input_ended_; }
  [[nodiscard]] std::uint64_t num_accepted_of(core::OwnerId owner) const;
  [[nodiscard]] std::uint64_t num_facts() const { return num_facts_; }

 private:
  struct Task {
    core::OwnerId owner;
    core::TaskSpec spec;
    std::uint32_t num_attempts = 0;
    std::uint32_t num_failures = 0;
    std::uint32_t num_charges = 0;
    bool is_cancelled = false;
    std::optional<core::WorkerId> worker;  ///< that has it
    bool is_started = false;
    core::Time not_before{};
    std::optional<core::Outcome> last_outcome;  ///< of the last attempt, if it ended
    bool was_lost = false;                      ///< the last attempt was
    std::optional<core::TaskEnd> end;
    bool is_delivered = false;
  };
  struct Group {
    core::GroupSource source{};
    std::set<core::WorkerId> pending;
    std::set<core::WorkerId> members;
    core::Time formed{};
    core::Time idle_since{};  ///< it came, or held something last
    bool has_losses = false;
  };
  struct Loss {
    core::AttemptId attempt;
    bool was_started = false;
    bool is_charged = false;
  };
  struct Member {
    core::GroupId group;
    std::string host;
    std::uint32_t num_slots = 0;
    std::uint32_t first_job_slot = 0;
    bool is_draining = false;
    core::Time last_heard{};
    core::Duration excused{};           ///< silence during pauses of the master
    std::vector<core::AttemptId> held;  ///< in order of dispatch
    std::vector<Loss> losses;           ///< announced, and the worker's end to follow
  };

  // What the scheduler was told.
  void hear(const core::event::TasksSubmitted& event);
  void hear(const core::event::TasksClaimed& event);
  void hear(const core::event::InputEnded& event);
  void hear(const core::event::CancelRequested& event);
  void hear(const core::event::GroupFormed& event);
  void hear(const core::event::GrowthFailed& event);
  void hear(const core::event::WorkerAnnounced& event);
  void hear(const core::event::WorkerReported& event);
  void hear(const core::event::WorkerLeft& event);
  void hear(const core::event::WorkerFailed& event);
  void hear(const core::event::DrainRequested& event);
  void hear(const core::event::StopRequested& event);
  void hear(const core::event::TimeLimited& event);
  void hear(const core::event::PauseAhead& event);
  void hear(const core::event::HoldChanged& event);
  void hear(const core::event::WorkersAwaited& event);
  void hear(const core::event::Ticked& event);

  // What it made of it: whether each fact may be, and what it changes.
  void judge(const core::fact::TaskAccepted& fact);
  void judge(const core::fact::TaskClaimed& fact);
  void judge(const core::fact::InputEnded& fact);
  void judge(const core::fact::GroupFormed& fact);
  void judge(const core::fact::GroupEnded& fact);
  void judge(const core::fact::GrowthRequested& fact);
  void judge(const core::fact::GrowthFailed& fact);
  void judge(const core::fact::HostQuarantined& fact);
  void judge(const core::fact::WorkerJoined& fact);
  void judge(const core::fact::WorkerEnded& fact);
  void judge(const core::fact::WorkerDraining& fact);
  void judge(const core::fact::AttemptDispatched& fact);
  void judge(const core::fact::AttemptStarted& fact);
  void judge(const core::fact::AttemptEnded& fact);
  void judge(const core::fact::AttemptSuperseded& fact);
  void judge(const core::fact::AttemptHandedBack& fact);
  void judge(const core::fact::AttemptLost& fact);
  void judge(const core::fact::TaskDelayed& fact);
  void judge(const core::fact::TaskCancelRequested& fact);
  void judge(const core::fact::TaskEnded& fact);
  void judge(const core::fact::DispatchStopped& fact);

  // What is to be done about it.
  void judge(const core::command::Welcome& command);
  void judge(const core::command::SendTicket& command);
  void judge(const core::command::Recall& command);
  void judge(const core::command::Kill& command);
  void judge(const core::command::Drain& command);
  void judge(const core::command::Forget& command);
  void judge(const core::command::ReleaseGroup& command);
  void judge(const core::command::Grow& command);
  void judge(const core::command::Fence& command);
  void judge(const core::command::Deliver& command);
  void judge(const core::command::DiscardOutput& command);

  void judge_loss(core::WorkerId id, const Member& member) const;
  void judge_absence(const Group& group) const;
  void judge_charges(const Member& member, bool is_lost) const;
  void require_all_done() const;
  void require_nothing_overdue() const;
  void require_verdict(core::TaskId id, const Task& task, core::TaskEnd how) const;
  void require_reason_to_drain(core::WorkerId id, const Member& member) const;
  [[nodiscard]] bool is_idle_for_long(core::GroupId group) const;
  [[nodiscard]] bool is_free(std::uint32_t first_job_slot, std::uint32_t num_slots) const;
  [[nodiscard]] bool is_overdue(const Member& member) const;
  [[nodiscard]] bool is_halt_reached() const;
  [[nodiscard]] bool lacks_workers() const;
  void advance();

  Task& current(core::AttemptId attempt);
  Task& take_back(core::AttemptId attempt);
  Member& member(core::WorkerId worker);
  void release(core::AttemptId attempt, core::WorkerId worker);

  [[nodiscard]] const core::Policy& policy() const { return plan_->policy; }
  void count(const char* what) const { coverage_->count(what); }

  const Plan* plan_;
  const Reality* reality_;
  Coverage* coverage_;
  core::Time now_{};
  std::uint64_t num_facts_ = 0;

  std::map<core::TaskId, Task> tasks_;
  std::set<core::TaskId> waiting_;  ///< unfinished, with no worker
  std::map<core::GroupId, Group> groups_;
  std::map<core::WorkerId, Member> members_;
  std::set<std::string> quarantined_hosts_;
  std::map<std::string, std::uint32_t> host_losses_;
  std::uint32_t next_group_ = 0;
  std::uint32_t next_worker_ = 1;
  core::Counts counts_;
  core::Counts counts_at_start_;  ///< of the present master
  std::uint64_t num_dispatched_ = 0;
  bool is_input_ended_ = false;
  bool is_held_ = false;
  bool is_growth_awaited_ = false;
  core::Time growth_asked_{};
  std::uint64_t num_respawns_ = 0;
  std::optional<core::Time> last_tick_;
  std::optional<core::Time> time_end_;
  std::optional<core::Time> kill_at_;
  std::optional<core::Time> lacking_since_;
  std::optional<core::fact::DispatchStopped> stop_;
  /// The run is over, and its workers have until then to leave.
  std::optional<core::Time> leave_until_;
  std::set<core::WorkerId> drained_now_;

  /// What the event at hand asks for; each is taken off as it is answered.
  struct Due {
    std::vector<core::TaskSpec> specs;
    core::OwnerId owner;
    std::set<core::TaskId> cancels;
    const core::event::GroupFormed* group = nullptr;
    const core::event::WorkerAnnounced* announced = nullptr;
    const core::event::WorkerReported* report = nullptr;
    std::size_t num_results = 0;
    bool is_from_member = false;
    std::optional<core::WorkerId> left;
    std::optional<core::WorkerId> failed;
    const core::event::StopRequested* stop = nullptr;
    bool growth_failed = false;
    bool input_ended = false;
    bool is_tick = false;
    // Facts that ask for a command.
    std::set<core::AttemptId> to_send;
    std::set<core::AttemptId> to_discard;
    std::set<core::AttemptId> to_recall;
    std::set<core::AttemptId> to_kill;
    std::set<core::TaskId> to_deliver;
    std::set<core::WorkerId> to_drain;
    std::set<core::WorkerId> to_forget;
    std::set<core::WorkerId> to_welcome;
    std::set<core::GroupId> to_release;
    std::optional<core::WorkerId> to_fence;
    std::uint32_t to_grow = 0;
  };
  Due due_;
};

}  // namespace drover::simulation
