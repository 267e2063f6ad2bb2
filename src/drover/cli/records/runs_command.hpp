// `drover runs`: the runs that there are, and how they stand.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace drover::cli {

struct RunsOptions {
  std::vector<std::string> directories;
  bool json = false;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_runs(CLI::App& app, RunsOptions& options);

/// Prints a line for each run, the latest first. Returns the exit status; throws Error.
[[nodiscard]] int run_runs(const RunsOptions& options);

}  // namespace drover::cli
