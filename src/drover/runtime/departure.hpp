// Tells the end of a command that is its own from one that came with the end of its worker.
//
// Slurm ends a job by a signal to all its processes at once: to the worker, and to what it executes. A
// command that dies of that has not failed; it is to run again, and nothing is charged. Which of the two
// the worker hears of first is chance, so a death that looks like it waits a moment for the signal.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::runtime {

/// Not thread-safe. Time is an argument.
class Departure {
 public:
  /// The worker itself has got a signal.
  void note_signal(int signal, core::Time now) { signals_[signal] = now; }

  /// An attempt has ended: settle() gives its result out again.
  void take(core::AttemptResult result, core::Time now);

  /// The results that are certain by now, in the order of their attempts' ends as far as that matters.
  [[nodiscard]] std::vector<core::AttemptResult> settle(core::Time now);

  /// When settle() has something that waits now.
  [[nodiscard]] std::optional<core::Time> next_deadline() const;

 private:
  struct Doubtful {
    core::AttemptResult result;
    int signal = 0;
    core::Time since{};
  };

  [[nodiscard]] bool has_come(int signal, core::Time ended) const;

  std::map<int, core::Time> signals_;  ///< when each came last
  std::vector<core::AttemptResult> certain_;
  std::vector<Doubtful> doubtful_;
};

}  // namespace drover::runtime
