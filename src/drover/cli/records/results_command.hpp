// `drover results`: what became of the tasks of a run.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace drover::cli {

struct ResultsOptions {
  enum class Format { tsv, json, sh };
  std::string run;
  bool only_failed = false;
  Format format = Format::tsv;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_results(CLI::App& app, ResultsOptions& options);

/// Prints a line for each task that has ended. Returns the exit status; throws Error.
[[nodiscard]] int run_results(const ResultsOptions& options);

}  // namespace drover::cli
