#include "drover/cli/records/record_commands.hpp"

namespace drover::cli {

std::optional<int> RecordCommands::run() const {
  if (runs_app_->parsed()) return run_runs(runs_);
  if (results_app_->parsed()) return run_results(results_);
  if (output_app_->parsed()) return run_output(output_);
  return std::nullopt;
}

}  // namespace drover::cli
