#include "drover/cli/client/close_command.hpp"

#include <cstdio>

namespace drover::cli {

CLI::App* declare_close(CLI::App& app, CloseOptions& options) {
  CLI::App* close = app.add_subcommand("close", "End a run that was kept open, once all is done");
  declare_client_options(*close, options.client);
  return close;
}

int run_close(const CloseOptions& options) {
  control::ControlClient client = connect(options.client);
  const auto closed = ask<control::reply::Closed>(client, control::request::Close{});
  std::printf("closed: the run ends after %s\n", counted(closed.num_unfinished, "unfinished task").c_str());
  return 0;
}

}  // namespace drover::cli
