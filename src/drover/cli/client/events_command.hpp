// `drover events`: follow a run.
#pragma once

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct EventsOptions {
  ClientOptions client;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_events(CLI::App& app, EventsOptions& options);

/// Prints events until the run is over. Returns the exit status.
[[nodiscard]] int run_events(const EventsOptions& options);

}  // namespace drover::cli
