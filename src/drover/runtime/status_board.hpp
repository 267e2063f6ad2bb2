// What a run looks like from outside: gathered as it goes, for those who ask.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "drover/control/replies.hpp"
#include "drover/runtime/observer.hpp"

namespace drover::runtime {

/// Memory is bounded by the workers and groups that there are, and a few that have gone.
class StatusBoard final : public Observer {
 public:
  struct About {
    std::string run_id;
    std::string run_dir;
    std::string host;
    core::Duration heartbeat{};
    bool is_kept_open = false;    ///< for submissions
    bool is_input_ended = false;  ///< already, in an earlier session
  };
  /// What became of a task that has its terminal record, in words; empty when it is not known.
  using TaskHistory = std::function<std::string(core::TaskId)>;

  StatusBoard(About about, core::Time started, TaskHistory history);

  [[nodiscard]] control::reply::Status status(const core::Scheduler& scheduler, core::Time now) const;

  /// Why the task is not running, or what happened to it.
  [[nodiscard]] std::string explain(core::TaskId task, const core::Scheduler& scheduler, core::Time now) const;
  [[nodiscard]] std::string explain(const std::string& host, const core::Scheduler& scheduler) const;

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_progress(const wire::Progress& progress, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

 private:
  struct Group {
    core::fact::GroupFormed formed;
    core::Time since{};
    std::uint32_t num_lost = 0;
    std::optional<core::GroupEnd> end;
  };
  struct Worker {
    core::GroupId group;
    std::string host;
    std::int32_t pid = 0;
  };
  struct HostHistory {
    std::uint64_t num_joined = 0;
    std::uint64_t num_lost = 0;
    std::string last_loss;
    std::string quarantine;
  };

  void on(const core::fact::GroupFormed& fact);
  void on(const core::fact::GroupEnded& fact);
  void on(const core::fact::GrowthFailed& fact);
  void on(const core::fact::HostQuarantined& fact);
  void on(const core::fact::WorkerJoined& fact);
  void on(const core::fact::WorkerEnded& fact);
  void on(const core::fact::InputEnded& fact);
  void on(const core::fact::TaskEnded& fact);
  template <class Other>
  void on(const Other&) {}

  [[nodiscard]] std::vector<control::WorkerStatus> workers(const core::Scheduler& scheduler, core::Time now) const;
  [[nodiscard]] std::vector<control::GroupStatus> groups(const core::Scheduler& scheduler,
                                                         const std::vector<control::WorkerStatus>& workers,
                                                         core::Time now) const;
  [[nodiscard]] std::string place_text(core::TaskId task, const core::TaskView& view, const core::Scheduler& scheduler,
                                       core::Time now) const;
  [[nodiscard]] std::string worker_text(core::WorkerId worker) const;
  [[nodiscard]] std::string progress_text(core::AttemptId attempt) const;
  [[nodiscard]] double tasks_per_second(const core::Counts& counts, core::Time now) const;

  About about_;
  core::Time started_;
  TaskHistory history_;
  core::Time now_;
  bool is_input_ended_;
  std::map<core::GroupId, Group> groups_;
  std::map<core::WorkerId, Worker> workers_;
  std::map<std::string, HostHistory> hosts_;
  std::map<core::TaskId, wire::Progress> progress_;  ///< of those that have said something
  std::string last_growth_failure_;
  std::deque<std::pair<core::Time, std::uint64_t>> ended_;  ///< samples of the last seconds, for the rate
};

}  // namespace drover::runtime
