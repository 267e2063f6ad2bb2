// The subcommands that talk to a running master, together.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "drover/cli/client/cancel_command.hpp"
#include "drover/cli/client/close_command.hpp"
#include "drover/cli/client/events_command.hpp"
#include "drover/cli/client/explain_command.hpp"
#include "drover/cli/client/scale_command.hpp"
#include "drover/cli/client/status_command.hpp"
#include "drover/cli/client/stop_command.hpp"
#include "drover/cli/client/submit_command.hpp"

namespace drover::cli {

/// Holds their options; must stay where it is, and outlive the parsing.
class ClientCommands {
 public:
  /// Declares them.
  explicit ClientCommands(CLI::App& app);
  ClientCommands(const ClientCommands&) = delete;
  ClientCommands& operator=(const ClientCommands&) = delete;

  /// Runs the one that the command line has, if any, and returns the exit status. `sources` are what
  /// followed `:::` and `::::`. Throws Error.
  [[nodiscard]] std::optional<int> run(const std::vector<ArgumentSource>& sources) const;

 private:
  using Action = std::function<int()>;

  StatusOptions status_;
  SubmitOptions submit_;
  CloseOptions close_;
  CancelOptions cancel_;
  StopOptions stop_;
  ExplainOptions explain_;
  ScaleOptions scale_;
  EventsOptions events_;
  CLI::App* submit_app_ = nullptr;
  std::vector<std::pair<CLI::App*, Action>> others_;
};

}  // namespace drover::cli
