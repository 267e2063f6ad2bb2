// The master of a world: a production Scheduler, driven as the master loop drives it. Beside it a
// second one lives on the recorded facts alone: what replay makes of them is compared all the time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "alarm.hpp"
#include "history.hpp"
#include "mind.hpp"
#include "stage.hpp"

namespace drover::simulation {

/// A group that has come, by itself or because it was asked for.
struct ArrivingGroup {
  core::GroupSource source{};
  std::vector<PlannedWorker> workers;
};

/// What the master makes happen outside of itself.
class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;

  /// The group is known: its processes may speak.
  virtual void admit(core::GroupId group, core::WorkerId first, const std::vector<PlannedWorker>& workers) = 0;
  /// The master has died, and another will go on `downtime` later.
  virtual void mourn(core::Duration downtime) = 0;
  /// More workers are asked for; to be answered by SimMaster::ask, soon or late.
  virtual void grow(std::uint32_t population) = 0;
};

class SimMaster {
 public:
  using Request = std::variant<core::Event, ArrivingGroup>;

  SimMaster(Stage& stage, MindFactory make_mind, History& history, Surroundings& surroundings);
  SimMaster(const SimMaster&) = delete;
  SimMaster& operator=(const SimMaster&) = delete;

  void start() { turn(); }
  /// A signal, a control client or something else than a worker wants this.
  void ask(Request request);
  /// Does nothing for so long; if `is_spoken_of`, the scheduler is told before.
  void pause(core::Duration length, bool is_spoken_of);

  /// Dies in its next turn; another goes on from the records `downtime` later.
  void crash(core::Duration downtime);

  [[nodiscard]] bool is_closed() const { return scheduler().phase() == core::Scheduler::Phase::closed; }
  [[nodiscard]] const core::Scheduler& scheduler() const { return mind_->scheduler(); }

 private:
  void receive(core::WorkerId from, ToMaster message);
  void turn();
  void take_all();
  void take_messages();
  void take(core::WorkerId from, const message::Hello& hello);
  void take(core::WorkerId from, core::worker_command::Report& report);
  void take(core::WorkerId from, const message::Goodbye& goodbye);
  void take(core::WorkerId from, const message::PeerLost& lost);
  void take_requests();
  void take(core::Event& event);
  void take(const ArrivingGroup& group);
  void take_input();
  void set_alarm();
  /// When there is something more to be had from the input.
  [[nodiscard]] core::Time next_input() const;

  void handle(const core::Event& event);
  void commit();
  void record();
  void compare_replica() const;
  void die();
  void perform(core::command::Welcome& command);
  void perform(core::command::SendTicket& command);
  void perform(core::command::Recall& command);
  void perform(core::command::Kill& command);
  void perform(core::command::Drain& command);
  void perform(const core::command::Forget& command);
  void perform(const core::command::ReleaseGroup& command);
  void perform(const core::command::Grow& command);
  void perform(core::command::Fence& command);
  void perform(const core::command::Deliver& command);
  void perform(const core::command::DiscardOutput& command);
  void send(core::WorkerId to, ToWorker message);
  void keep_in_touch();

  Stage& stage_;
  MindFactory make_mind_;
  std::unique_ptr<Mind> mind_;
  std::unique_ptr<core::Scheduler> replica_;
  History& history_;
  Surroundings& surroundings_;
  Alarm alarm_;
  std::deque<std::pair<core::WorkerId, ToMaster>> inbox_;
  std::deque<Request> requests_;
  core::Outbox outbox_;
  std::map<core::WorkerId, core::Time> links_;  ///< -> when something was last sent there
  std::size_t next_task_ = 0;
  bool is_input_open_ = true;
  core::Time paused_until_{};
  core::Duration pause_ahead_{};
  std::optional<core::Duration> downtime_;  ///< of the crash that comes with the next turn
};

}  // namespace drover::simulation
