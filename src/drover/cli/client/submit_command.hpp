// `drover submit`: further tasks for a run that is going on.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/client/client_options.hpp"
#include "drover/cli/input/input.hpp"

namespace drover::cli {

struct SubmitOptions {
  ClientOptions client;
  std::vector<std::string> commands;
  std::string function;  ///< of the run's program, of which `commands` are arguments; empty: they are commands
  bool null_separated = false;
  bool wait = false;
  bool tag = false;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_submit(CLI::App& app, SubmitOptions& options);

/// `sources` are the arguments of a template. Returns the exit status: 0, or with `wait` that of a run
/// of these tasks.
[[nodiscard]] int run_submit(const SubmitOptions& options, const std::vector<ArgumentSource>& sources);

}  // namespace drover::cli
