#include "drover/cli/client/client_commands.hpp"

namespace drover::cli {

ClientCommands::ClientCommands(CLI::App& app) {
  others_.emplace_back(declare_status(app, status_), [this] { return run_status(status_); });
  submit_app_ = declare_submit(app, submit_);
  others_.emplace_back(declare_close(app, close_), [this] { return run_close(close_); });
  others_.emplace_back(declare_cancel(app, cancel_), [this] { return run_cancel(cancel_); });
  others_.emplace_back(declare_stop(app, stop_), [this] { return run_stop(stop_); });
  others_.emplace_back(declare_explain(app, explain_), [this] { return run_explain(explain_); });
  const ScaleCommands scale = declare_scale(app, scale_);
  others_.emplace_back(scale.add, [this] { return run_scale_add(scale_.add); });
  others_.emplace_back(scale.drain, [this] { return run_scale_drain(scale_.drain); });
  others_.emplace_back(declare_events(app, events_), [this] { return run_events(events_); });
}

std::optional<int> ClientCommands::run(const std::vector<ArgumentSource>& sources) const {
  if (submit_app_->parsed()) return run_submit(submit_, sources);
  for (const auto& [app, action] : others_) {
    if (!app->parsed()) continue;
    if (!sources.empty()) throw UsageError("'drover " + app->get_name() + "' takes no arguments after ::: or ::::");
    return action();
  }
  return std::nullopt;
}

}  // namespace drover::cli
