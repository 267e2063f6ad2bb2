// The scheduler of a world: the production one. Deliberately broken ones derive from this
// (broken_minds.hpp) and show that the checkers notice.
#pragma once

#include <functional>
#include <memory>

#include "drover/core/scheduler.hpp"

namespace drover::simulation {

class Mind {
 public:
  explicit Mind(core::Policy policy, core::Snapshot start = {}) : scheduler_(std::move(policy), std::move(start)) {}
  Mind(const Mind&) = delete;
  Mind& operator=(const Mind&) = delete;
  virtual ~Mind() = default;

  [[nodiscard]] virtual core::Outbox handle(const core::Event& event, core::Time now) {
    return scheduler_.handle(event, now);
  }

  /// Whether what it says is what its scheduler has applied: replay can be held against it.
  [[nodiscard]] virtual bool is_true_to_itself() const { return true; }

  [[nodiscard]] const core::Scheduler& scheduler() const { return scheduler_; }

 private:
  core::Scheduler scheduler_;
};

/// Makes one that goes on from a snapshot.
using MindFactory = std::function<std::unique_ptr<Mind>(const core::Policy&, const core::Snapshot&)>;

}  // namespace drover::simulation
