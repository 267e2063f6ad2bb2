// `drover stop`: end a run before all is done.
#pragma once

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct StopOptions {
  ClientOptions client;
  bool now = false;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_stop(CLI::App& app, StopOptions& options);

/// Returns the exit status.
[[nodiscard]] int run_stop(const StopOptions& options);

}  // namespace drover::cli
