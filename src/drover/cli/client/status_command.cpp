#include "drover/cli/client/status_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <thread>

#include "drover/cli/client/status_text.hpp"
#include "drover/support/duration.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;
using control::reply::Status;

/// The screen is written over rather than wiped, which would flicker.
std::string redrawn(const std::string& text) {
  std::string screen = "\x1b[H";
  for (const char c : text) screen += c == '\n' ? "\x1b[K\n" : std::string(1, c);
  return screen + "\x1b[J";
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw system_error("cannot print the status", errno);
}

std::string text_of(const Status& status, const StatusOptions& options) {
  return options.json ? encode(control::ReplyLine{0, false, status}) : format_status(status, options.workers);
}

/// None once the run is over.
std::optional<Status> next_status(control::ControlClient& client) {
  try {
    return ask<Status>(client, control::request::Status{});
  } catch (const control::Unreachable& e) {
    if (e.reason() != control::Unreachable::Reason::lost) throw;
  } catch (const control::RequestRefused& e) {
    if (e.code() != control::ErrorCode::run_over) throw;
  }
  return std::nullopt;
}

void watch(control::ControlClient& client, const StatusOptions& options) {
  const bool is_drawn = !options.json && ::isatty(STDOUT_FILENO) == 1;
  if (is_drawn) print("\x1b[2J");
  for (;;) {
    const std::optional<Status> status = next_status(client);
    if (!status) break;
    const std::string text = text_of(*status, options);
    print(is_drawn ? redrawn(text) : options.json ? text : text + "\n");
    std::this_thread::sleep_for(options.interval);
  }
  std::fprintf(stderr, "drover: the run is over\n");
}

void set_interval(const std::string& text, core::Duration& interval) {
  try {
    interval = support::parse_duration(text);
  } catch (const UsageError& e) {
    throw CLI::ValidationError("--interval", e.what());
  }
  if (interval < 50ms) throw CLI::ValidationError("--interval", "must be at least 50ms");
}

}  // namespace

CLI::App* declare_status(CLI::App& app, StatusOptions& options) {
  CLI::App* status = app.add_subcommand("status", "Show groups, hosts and tasks of a run that is going on");
  status->add_flag("-w,--watch", options.watch, "Again and again, until the run is over");
  status
      ->add_option_function<std::string>(
          "--interval", [&options](const std::string& text) { set_interval(text, options.interval); },
          "Pause between two looks of --watch")
      ->default_str(support::format_duration(options.interval))
      ->type_name("DURATION");
  status->add_flag("--ranks", options.workers, "Each rank too");
  status->add_flag("--json", options.json, "As a line of JSON");
  declare_client_options(*status, options.client);
  return status;
}

int run_status(const StatusOptions& options) {
  control::ControlClient client = connect(options.client);
  if (options.watch)
    watch(client, options);
  else
    print(text_of(ask<Status>(client, control::request::Status{}), options));
  return 0;
}

}  // namespace drover::cli
