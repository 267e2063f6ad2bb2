// `drover cancel`: tasks that are not wanted any more.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct CancelOptions {
  ClientOptions client;
  std::vector<std::string> tasks;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_cancel(CLI::App& app, CancelOptions& options);

/// Returns the exit status. Throws Error when there are no such tasks; those that there are, are cancelled.
[[nodiscard]] int run_cancel(const CancelOptions& options);

}  // namespace drover::cli
