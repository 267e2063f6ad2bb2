// `drover status`: a run at a glance.
#pragma once

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct StatusOptions {
  ClientOptions client;
  bool watch = false;
  core::Duration interval = std::chrono::seconds(1);
  bool workers = false;
  bool json = false;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_status(CLI::App& app, StatusOptions& options);

/// Returns the exit status; with `watch` once the run is over.
[[nodiscard]] int run_status(const StatusOptions& options);

}  // namespace drover::cli
