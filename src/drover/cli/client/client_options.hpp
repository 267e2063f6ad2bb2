// What all commands share that talk to a running master.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "drover/control/control_client.hpp"

namespace drover::cli {

struct ClientOptions {
  std::string run;  ///< directory or name; empty: the one that is going on here
  core::Duration patience = std::chrono::seconds(10);
};

/// Declares them on a subcommand. `options` outlives it.
void declare_client_options(CLI::App& app, ClientOptions& options);

/// Throws UsageError when it is not clear which run is meant, control::Unreachable when it has no master.
[[nodiscard]] control::ControlClient connect(const ClientOptions& options);

/// Waits for the next reply, and after a while says on stderr what is being waited for.
[[nodiscard]] control::ReplyLine await_reply(control::ControlClient& client, const char* what);

/// One question and its one answer. Throws control::RequestRefused.
template <class Answer>
[[nodiscard]] Answer ask(control::ControlClient& client, const control::Request& request) {
  client.send(request);
  return control::ControlClient::expect<Answer>(await_reply(client, "an answer").reply);
}

/// "1 task", "5 tasks".
[[nodiscard]] std::string counted(std::uint64_t num, const std::string& noun);

}  // namespace drover::cli
