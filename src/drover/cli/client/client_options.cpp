#include "drover/cli/client/client_options.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "drover/control/run_finder.hpp"
#include "drover/support/duration.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kQuietWait = 3s;

core::Duration parse_patience(const std::string& text) {
  core::Duration patience{};
  try {
    patience = support::parse_duration(text);
  } catch (const UsageError& e) {
    throw CLI::ValidationError("--patience", e.what());
  }
  if (patience <= 0s) throw CLI::ValidationError("--patience", "must be longer than 0");
  return patience;
}

}  // namespace

void declare_client_options(CLI::App& app, ClientOptions& options) {
  app.add_option("--run", options.run,
                 "The run: its directory, or its name in drover-runs; default: the one that is going on here\n"
                 "(within a task: the one that it belongs to)")
      ->envname("DROVER_RUN_DIR")
      ->type_name("RUN");
  app.add_option_function<std::string>(
         "--patience", [&options](const std::string& text) { options.patience = parse_patience(text); },
         "Give up on a master that says nothing for so long")
      ->default_str(support::format_duration(options.patience))
      ->type_name("DURATION");
}

control::ControlClient connect(const ClientOptions& options) {
  return {control::choose_run(options.run, std::filesystem::current_path()), options.patience};
}

control::ReplyLine await_reply(control::ControlClient& client, const char* what) {
  if (std::optional<control::ReplyLine> line = client.receive(std::chrono::steady_clock::now() + kQuietWait))
    return std::move(*line);
  std::fprintf(stderr, "drover: waiting for %s\n", what);
  return client.receive();
}

std::string counted(std::uint64_t num, const std::string& noun) {
  return std::to_string(num) + " " + noun + (num == 1 ? "" : "s");
}

}  // namespace drover::cli
