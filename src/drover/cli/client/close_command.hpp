// `drover close`: nothing more will be submitted.
#pragma once

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct CloseOptions {
  ClientOptions client;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_close(CLI::App& app, CloseOptions& options);

/// Returns the exit status.
[[nodiscard]] int run_close(const CloseOptions& options);

}  // namespace drover::cli
