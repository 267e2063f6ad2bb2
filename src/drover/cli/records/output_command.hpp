// `drover output`: what tasks wrote.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace drover::cli {

struct OutputOptions {
  std::vector<std::string> tasks;  ///< numbers and ranges; none: all that have ended
  std::string run;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_output(CLI::App& app, OutputOptions& options);

/// Prints what the tasks wrote on their stdout and stderr on ours, in the order of tasks. Returns the exit
/// status; throws Error, also when a task that was named has not ended.
[[nodiscard]] int run_output(const OutputOptions& options);

}  // namespace drover::cli
