#include "drover/cli/supervisor_words.hpp"

#include <algorithm>
#include <variant>

namespace drover::cli {

void SupervisorWords::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  const auto is_end = [](const core::Fact& fact) { return std::holds_alternative<core::fact::TaskEnded>(fact); };
  if (is_progress_said_ || std::none_of(facts.begin(), facts.end(), is_end)) return;
  is_progress_said_ = true;
  supervisor_.say_progress();
}

void SupervisorWords::on_turn(const core::Scheduler&, core::Time) {
  if (const std::optional<std::string> reason = supervisor_.join_obstacle()) recruiter_.forbid_join(*reason);
}

}  // namespace drover::cli
