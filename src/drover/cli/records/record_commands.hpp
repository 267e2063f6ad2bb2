// The subcommands that read what runs have recorded, together.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>

#include "drover/cli/records/output_command.hpp"
#include "drover/cli/records/results_command.hpp"
#include "drover/cli/records/runs_command.hpp"

namespace drover::cli {

/// Holds their options; must stay where it is, and outlive the parsing.
class RecordCommands {
 public:
  /// Declares them.
  explicit RecordCommands(CLI::App& app)
      : runs_app_(declare_runs(app, runs_)),
        results_app_(declare_results(app, results_)),
        output_app_(declare_output(app, output_)) {}
  RecordCommands(const RecordCommands&) = delete;
  RecordCommands& operator=(const RecordCommands&) = delete;

  /// Runs the one that the command line has, if any, and returns the exit status. Throws Error.
  [[nodiscard]] std::optional<int> run() const;

 private:
  RunsOptions runs_;
  ResultsOptions results_;
  OutputOptions output_;
  CLI::App* runs_app_;
  CLI::App* results_app_;
  CLI::App* output_app_;
};

}  // namespace drover::cli
