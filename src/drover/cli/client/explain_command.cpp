#include "drover/cli/client/explain_command.hpp"

#include <cstdio>

#include "drover/cli/client/targets.hpp"

namespace drover::cli {

CLI::App* declare_explain(CLI::App& app, ExplainOptions& options) {
  CLI::App* explain = app.add_subcommand("explain", "Say why a task is not running, or what happened to it or a host");
  explain->add_option("subject", options.subject, "A task's number, or a host's name")
      ->required()
      ->type_name("TASK|HOST");
  declare_client_options(*explain, options.client);
  return explain;
}

int run_explain(const ExplainOptions& options) {
  const control::request::Explain request{parse_subject(options.subject)};
  control::ControlClient client = connect(options.client);
  const auto explanation = ask<control::reply::Explanation>(client, request);
  std::printf("%s%s", explanation.text.c_str(), explanation.text.ends_with('\n') ? "" : "\n");
  return 0;
}

}  // namespace drover::cli
