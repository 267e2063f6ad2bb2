// A batch under a real scheduler with workers that are played, for what is to record it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "drover/core/scheduler.hpp"
#include "simulation/random.hpp"

namespace drover::test {

/// Plays one random thing after another: tasks come and are cancelled, workers join, begin, finish,
/// fail, hand back, leave, die and say too late what they did. A seed gives the same run for ever.
class ReferenceRun {
 public:
  struct Options {
    std::uint64_t num_tasks = 100;
    bool is_rough = true;  ///< workers are lost, tasks fail and are cancelled
  };

  explicit ReferenceRun(std::uint64_t seed) : ReferenceRun(seed, Options(), {}) {}
  ReferenceRun(std::uint64_t seed, const Options& options, core::Snapshot start);

  /// The facts of one more turn; may be none.
  std::vector<core::Fact> step();
  [[nodiscard]] bool is_over() const { return scheduler_.phase() == core::Scheduler::Phase::closed; }
  [[nodiscard]] const core::Scheduler& scheduler() const { return scheduler_; }

 private:
  struct PlayedWorker {
    std::deque<core::AttemptId> held;
    std::set<core::AttemptId> started;
    bool is_leaving = false;
  };

  void handle(const core::Event& event);
  void perform(const core::Command& command);
  void hand_back(core::WorkerId id, const std::vector<core::AttemptId>& attempts, bool started_too);
  void submit();
  void add_worker();
  void play_worker();
  void report_end(core::WorkerId id, PlayedWorker& worker);

  simulation::Random random_;
  Options options_;
  core::Scheduler scheduler_;
  core::Time now_{std::chrono::hours(1)};
  std::vector<core::Fact> facts_;
  std::map<core::WorkerId, PlayedWorker> workers_;
  std::vector<core::WorkerId> lost_;
  std::uint64_t num_submitted_;
  bool is_input_ended_;
};

}  // namespace drover::test
