#include "drover/cli/supervisor_words.hpp"

#include <algorithm>
#include <variant>

namespace drover::cli {

SupervisorWords::SupervisorWords(runtime::SupervisorLink& supervisor, runtime::Recruiter& recruiter)
    : supervisor_(supervisor) {
  recruiter.ask_before_joins([&supervisor] { return supervisor.join_obstacle().value_or(""); });
}

void SupervisorWords::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  const auto is_end = [](const core::Fact& fact) { return std::holds_alternative<core::fact::TaskEnded>(fact); };
  if (is_progress_said_ || std::none_of(facts.begin(), facts.end(), is_end)) return;
  is_progress_said_ = true;
  supervisor_.say_progress();
}

}  // namespace drover::cli
