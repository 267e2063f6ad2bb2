// The progress line.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "drover/cli/output/terminal_line.hpp"
#include "drover/runtime/observer.hpp"

namespace drover::cli {

/// Redraws the progress line a few times a second.
class Progress final : public runtime::Observer {
 public:
  /// `line` outlives this.
  Progress(TerminalLine& line, core::Time started, bool is_input_ended)
      : line_(line), started_(started), is_input_ended_(is_input_ended) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

 private:
  [[nodiscard]] std::string text(const core::Scheduler& scheduler, core::Time now);

  TerminalLine& line_;
  core::Time started_;
  core::Time drawn_{};
  bool is_input_ended_;
  std::deque<std::pair<core::Time, std::uint64_t>> ended_;  ///< samples of the last seconds, for the rate
};

}  // namespace drover::cli
