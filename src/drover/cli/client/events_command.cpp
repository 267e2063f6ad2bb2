#include "drover/cli/client/events_command.hpp"

#include <cerrno>
#include <cstdio>

namespace drover::cli {

namespace {

void print(const control::reply::Event& event) {
  const std::string line = event.json + "\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
    throw system_error("cannot print events", errno);
}

}  // namespace

CLI::App* declare_events(CLI::App& app, EventsOptions& options) {
  CLI::App* events = app.add_subcommand("events", "Print what happens in a run from now on, as JSON lines");
  declare_client_options(*events, options.client);
  return events;
}

int run_events(const EventsOptions& options) {
  control::ControlClient client = connect(options.client);
  client.send(control::request::Events{});
  for (;;) {
    const control::Reply reply = client.receive().reply;
    if (const auto* event = std::get_if<control::reply::Event>(&reply))
      print(*event);
    else if (const auto* missed = std::get_if<control::reply::Missed>(&reply))
      std::fprintf(stderr, "drover: %s left out, as they were read too slowly: events.jsonl has them\n",
                   counted(missed->num_replies, "event").c_str());
    else if (std::holds_alternative<control::reply::RunOver>(reply))
      return 0;
    else if (!std::holds_alternative<control::reply::Subscribed>(reply))
      (void)control::ControlClient::expect<control::reply::Event>(reply);
  }
}

}  // namespace drover::cli
