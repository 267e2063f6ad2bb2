// On the master, for the tasks that code submits: the session's, which are the batch itself, and those
// that tasks on workers make. Gives each result to whom it belongs.
//
// Used by the master's thread; the board is where the session's threads are.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "drover/journal/recorded_calls.hpp"
#include "drover/runtime/call_board.hpp"
#include "drover/runtime/observer.hpp"
#include "drover/runtime/task_source.hpp"
#include "drover/transport/transport.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

class FunctionDesk final : public TaskSource, public Observer {
 public:
  /// Both outlive the desk.
  FunctionDesk(CallBoard& session, transport::Transport& transport);

  /// The run was begun by another session of the program: what is submitted again has the result that it had then,
  /// or is the task that is unfinished. Before the first pull.
  void go_on_from(journal::RecordedCalls recorded, const core::Snapshot& start);
  /// How many of the unfinished ones were not submitted again, and are therefore cancelled.
  [[nodiscard]] std::uint64_t num_abandoned() const { return num_abandoned_; }

  // --- the session's tasks, as a source ---

  Batch pull(std::size_t max) override;
  [[nodiscard]] int wait_fd() const override { return session_.fd(); }

  // --- what else there is for the scheduler ---

  /// What the session has withdrawn; what has been submitted again; and what will not be, in the end.
  [[nodiscard]] std::vector<core::Event> take_requests(const core::Scheduler& scheduler);
  [[nodiscard]] core::Event submit(core::WorkerId from, wire::Submit& submit);
  [[nodiscard]] core::Event withdraw(core::WorkerId from, const wire::Withdraw& withdraw);

  // --- the values that they use ---

  /// Answers at once, with a piece of the value.
  void send_piece(core::WorkerId to, const wire::Fetch& fetch);

  // --- what comes of them ---

  /// Whether the task was submitted by code, which then has its result.
  bool deliver(const core::command::Deliver& delivery);

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_progress(const wire::Progress& progress, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

 private:
  void give_up_waiting();
  void acknowledge();
  void release_values();

  struct Pending {
    core::OwnerId owner;
    std::uint64_t call = 0;
    core::AttemptResult last;  ///< the attempt that ended last
  };

  [[nodiscard]] bool is_known(core::OwnerId owner, std::uint64_t call, const core::TaskSpec& spec);
  void settle(core::OwnerId owner, std::uint64_t call, CallEnd end);
  void tell_owner(const Pending& pending, const wire::Progress& progress);

  CallBoard& session_;
  transport::Transport& transport_;
  std::map<core::OwnerId, std::deque<std::uint64_t>> unaccepted_;  ///< calls, in the order of their tasks
  std::unordered_map<core::TaskId, Pending> pending_;              ///< accepted and not delivered
  std::map<core::TaskId, wire::Progress> early_;                   ///< said before their acceptance was safe
  std::vector<CallBoard::Ended> ended_;                            ///< for the session
  std::map<core::WorkerId, wire::Settled> settled_;
  std::optional<journal::RecordedCalls> recorded_;
  std::set<core::TaskId> unclaimed_;  ///< unfinished, and to be submitted again
  /// Unfinished, and nobody submits them again: they go on once the session shows that it is there, with the values
  /// that it broadcasts.
  std::map<core::OwnerId, std::vector<core::TaskId>> orphans_;
  std::map<core::OwnerId, std::vector<core::TaskId>> claimed_;
  std::uint64_t num_abandoned_ = 0;
  std::map<core::WorkerId, std::uint64_t> unacknowledged_;     ///< tasks submitted since the last SubmitAck
  std::map<wire::ValueId, std::set<core::WorkerId>> fetched_;  ///< who has pieces of them
  std::set<core::WorkerId> gone_;  ///< their tasks have their record, and nobody waits for it
};

}  // namespace drover::runtime
