#include "drover/cli/client/cancel_command.hpp"

#include <cstdio>

#include "drover/cli/client/number_ranges.hpp"

namespace drover::cli {

CLI::App* declare_cancel(CLI::App& app, CancelOptions& options) {
  CLI::App* cancel = app.add_subcommand("cancel", "Cancel tasks that wait, and end those that run");
  cancel->add_option("task", options.tasks, "Numbers of tasks, as 7, 5-9 or 1,4-6")->required()->type_name("TASK");
  declare_client_options(*cancel, options.client);
  return cancel;
}

int run_cancel(const CancelOptions& options) {
  control::request::Cancel request;
  for (const std::string& text : options.tasks)
    for (const control::TaskRange& range : parse_task_ranges(text)) request.tasks.push_back(range);
  control::ControlClient client = connect(options.client);
  const auto cancelled = ask<control::reply::Cancelled>(client, request);
  std::string text = "cancelled " + counted(cancelled.num_cancelled, "task");
  if (cancelled.num_ended_before > 0) text += ", " + std::to_string(cancelled.num_ended_before) + " had ended before";
  std::puts(text.c_str());
  std::fflush(stdout);
  if (cancelled.num_unknown > 0)
    throw Error(counted(cancelled.num_unknown, "task") + " to cancel: this run has none with such a number");
  return 0;
}

}  // namespace drover::cli
