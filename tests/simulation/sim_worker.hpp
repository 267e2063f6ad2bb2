// A worker of a world: the production WorkerMachine, driven as the worker loop drives it, with
// attempts that only pass time.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "alarm.hpp"
#include "drover/core/worker_machine.hpp"
#include "stage.hpp"

namespace drover::simulation {

class SimWorker {
 public:
  SimWorker(Stage& stage, core::WorkerId id, core::GroupId group, const PlannedWorker& plan);
  SimWorker(const SimWorker&) = delete;
  SimWorker& operator=(const SimWorker&) = delete;

  /// Says hello.
  void start();

  // What may happen to it; nothing once it has ended.
  void die();
  void freeze(core::Duration length);
  void cut();

  [[nodiscard]] core::WorkerId id() const { return id_; }
  [[nodiscard]] core::GroupId group() const { return group_; }
  [[nodiscard]] bool is_alive() const { return process_.state == Process::State::alive; }
  [[nodiscard]] bool is_cut() const { return process_.is_cut; }
  /// Until when it has executed something and could have said so.
  [[nodiscard]] core::Time worked_until() const { return is_at_work() ? stage_.now() : worked_until_; }

 private:
  struct Running {
    core::Time started{};
    core::Time ends{};
    core::Outcome outcome;
    bool kills_worker = false;
  };

  void receive(ToWorker message);
  void turn();
  void take(const core::command::Welcome& message);
  void take(core::command::SendTicket& message);
  void take(const core::command::Recall& message);
  void take(const core::command::Kill& message);
  void take(const core::command::Drain& message);
  void take(const core::command::Fence& message);
  void take(const message::Ping& message);
  void take_drain(bool now);
  void poll_attempts();

  void handle(const core::WorkerEvent& event);
  void perform(core::worker_command::Report& command);
  void perform(const core::worker_command::Start& command);
  void perform(const core::worker_command::Stop& command);
  void perform(const core::worker_command::Leave& command);
  void perform(const core::worker_command::Abandon& command);

  [[nodiscard]] bool is_at_work() const { return is_alive() && !is_cut() && !running_.empty(); }
  void require_ending(const std::vector<core::AttemptId>& attempts) const;
  [[nodiscard]] Running draw_running(const core::TaskSpec& spec);
  void end(Process::State how);
  void set_alarm();

  Stage& stage_;
  core::WorkerId id_;
  core::GroupId group_;
  PlannedWorker plan_;
  Process& process_;
  Alarm alarm_;
  core::Time born_;
  std::deque<ToWorker> inbox_;
  std::optional<core::WorkerMachine> machine_;
  std::map<core::AttemptId, Running> running_;
  core::Time worked_until_{};  ///< as of when it ceased to last
};

}  // namespace drover::simulation
