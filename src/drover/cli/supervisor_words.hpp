// What the master and its supervisor tell each other while a batch goes on.
#pragma once

#include "drover/runtime/observer.hpp"
#include "drover/runtime/recruiter.hpp"
#include "drover/runtime/supervisor_link.hpp"

namespace drover::cli {

/// Tells the supervisor of the first task that ends: what ends this MPI job later is no reason to hesitate. Tells the
/// recruiter, which asks, when no group can join any more. Both outlive it.
class SupervisorWords final : public runtime::Observer {
 public:
  SupervisorWords(runtime::SupervisorLink& supervisor, runtime::Recruiter& recruiter);

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler&, core::Time) override {}

 private:
  runtime::SupervisorLink& supervisor_;
  bool is_progress_said_ = false;
};

}  // namespace drover::cli
