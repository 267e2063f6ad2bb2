// How one session of a run came to its end.
#pragma once

#include <optional>
#include <string>

#include "drover/core/counts.hpp"
#include "drover/core/facts.hpp"

namespace drover::runtime {

struct RunEnd {
  core::Counts counts;
  /// Who or what had the dispatch of tasks end; none: nobody. It does not say that anything is left: what executed
  /// then may have been the last there was.
  std::optional<core::StopReason> stop_reason;
  /// The first signal that asked for it.
  std::optional<int> signal;
  /// There is more input, or may be: nobody has seen its end.
  bool is_input_left;
  /// Why another MPI job is to go on, if one was asked for.
  std::string rollover_reason;
  /// What went wrong with drover itself; empty when nothing did.
  std::string failure;

  /// Whether somebody who took the run up would find anything to do.
  [[nodiscard]] bool has_work_left() const { return is_input_left || counts.unfinished() > 0; }

  /// Whether another MPI job is to go on with it.
  [[nodiscard]] bool is_rollover() const {
    return failure.empty() && stop_reason == core::StopReason::rollover && has_work_left();
  }
};

}  // namespace drover::runtime
