// One world: a master, its workers and their fate, from the first task to the last word.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "coverage.hpp"
#include "history.hpp"
#include "mind.hpp"
#include "plan.hpp"
#include "sim_master.hpp"
#include "sim_worker.hpp"
#include "stage.hpp"

namespace drover::simulation {

/// How a world came to its end.
struct Verdict {
  std::string violation;  ///< empty when all is as it must be
  std::uint64_t num_steps = 0;
  std::deque<std::string> trace;

  [[nodiscard]] bool is_sound() const { return violation.empty(); }
};

class World final : private Surroundings {
 public:
  World(const Plan& plan, const MindFactory& make_mind, Coverage& coverage, bool is_traced, Ledger* ledger);

  /// Lets everything happen. Once.
  [[nodiscard]] Verdict run();

 private:
  void admit(core::GroupId group, core::WorkerId first, const std::vector<PlannedWorker>& workers) override;
  void mourn(core::Duration downtime) override;
  void grow(std::uint32_t population) override;

  void schedule();
  void strike(const PlannedFault& fault);
  void strike_worker(const PlannedFault& fault);
  void request(const PlannedFault& fault);
  void drain(std::vector<core::WorkerId> workers, bool now);
  void tend();
  void bring_group(core::GroupSource source, std::uint32_t population);
  void play();
  void judge_progress();
  void judge_abandonment() const;

  [[nodiscard]] SimWorker* draw_worker();
  [[nodiscard]] std::vector<core::TaskSpec> draw_submission();
  [[nodiscard]] std::vector<core::TaskId> draw_cancellation();
  [[nodiscard]] bool is_over() const;

  const Plan& plan_;
  Stage stage_;
  History history_;
  SimMaster master_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  Coverage& coverage_;
  std::uint64_t num_submitted_ = 0;
  std::uint64_t num_facts_seen_ = 0;
  core::Time last_progress_{};
  std::size_t num_past_workers_ = 0;  ///< of masters that died
  std::optional<core::Time> closed_;
};

/// Runs the world of `plan`; never throws.
[[nodiscard]] Verdict run_world(const Plan& plan, const MindFactory& make_mind, Coverage& coverage, bool is_traced,
                                Ledger* ledger = nullptr);

}  // namespace drover::simulation
