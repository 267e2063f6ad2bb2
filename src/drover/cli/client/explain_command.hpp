// `drover explain`: why is it not running, what happened to it?
#pragma once

#include <string>

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct ExplainOptions {
  ClientOptions client;
  std::string subject;
};

/// Declares the subcommand. `options` outlives it.
[[nodiscard]] CLI::App* declare_explain(CLI::App& app, ExplainOptions& options);

/// Returns the exit status.
[[nodiscard]] int run_explain(const ExplainOptions& options);

}  // namespace drover::cli
