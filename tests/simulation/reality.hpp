// What really happened, as nobody in the world can see it: the checkers' yardstick.
#pragma once

#include <map>
#include <optional>

#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"
#include "violation.hpp"

namespace drover::simulation {

/// One attempt as it was executed.
struct Execution {
  core::WorkerId worker;
  core::Time started{};
  /// None while it goes on, and for ever if its worker died.
  std::optional<core::Outcome> outcome;
  bool died_with_worker = false;
};

/// A worker's process.
struct Process {
  enum class State { alive, dead, left, abandoned };
  State state = State::alive;
  core::Time ended{};
  bool is_cut = false;
  bool is_falsely_accused = false;  ///< the transport says that it is lost
  core::Time frozen_until{};
};

class Reality {
 public:
  void on_start(core::AttemptId attempt, core::WorkerId worker, core::Time now) {
    require(executions_.emplace(attempt, Execution{worker, now, {}, false}).second, "an attempt was executed twice");
  }
  Execution& execution(core::AttemptId attempt) { return executions_.at(attempt); }

  /// None if the attempt was never executed.
  [[nodiscard]] const Execution* find(core::AttemptId attempt) const {
    const auto found = executions_.find(attempt);
    return found == executions_.end() ? nullptr : &found->second;
  }

  Process& process(core::WorkerId worker) { return processes_[worker]; }
  [[nodiscard]] const Process* find(core::WorkerId worker) const {
    const auto found = processes_.find(worker);
    return found == processes_.end() ? nullptr : &found->second;
  }

 private:
  std::map<core::AttemptId, Execution> executions_;
  std::map<core::WorkerId, Process> processes_;
};

}  // namespace drover::simulation
