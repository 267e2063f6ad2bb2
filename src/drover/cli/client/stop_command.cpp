#include "drover/cli/client/stop_command.hpp"

#include <cstdio>

namespace drover::cli {

CLI::App* declare_stop(CLI::App& app, StopOptions& options) {
  CLI::App* stop = app.add_subcommand("stop", "Start nothing more, and end the run when what runs has ended");
  stop->add_flag("--now", options.now, "End what runs too");
  declare_client_options(*stop, options.client);
  return stop;
}

int run_stop(const StopOptions& options) {
  control::ControlClient client = connect(options.client);
  const auto stopping = ask<control::reply::Stopping>(client, control::request::Stop{options.now});
  std::printf(
      "stopping: %s %s, %s left undone\n", counted(stopping.num_executing, "command").c_str(),
      options.now ? "ended" : "still running",
      counted(stopping.num_unfinished - std::min(stopping.num_executing, stopping.num_unfinished), "task").c_str());
  return 0;
}

}  // namespace drover::cli
