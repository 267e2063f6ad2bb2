#include "drover/cli/run_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "drover/cli/auto_alloc.hpp"
#include "drover/cli/caller_shell.hpp"
#include "drover/cli/exit_status.hpp"
#include "drover/cli/farm_start.hpp"
#include "drover/cli/master_rank.hpp"
#include "drover/cli/open_run.hpp"
#include "drover/cli/standard_streams.hpp"
#include "drover/cli/worker_rank.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace {

/// How long nodes of jobs that the run submitted may have nothing to do.
constexpr std::chrono::minutes kIdleNodes{1};

/// The command with `{%}` where the number of the job slot will be.
std::string printable(const core::TaskSpec& spec) {
  std::string text = spec.payload;
  for (auto mark = spec.slot_marks.rbegin(); mark != spec.slot_marks.rend(); ++mark) text.insert(*mark, "{%}");
  return text;
}

int dry_run(const RunInvocation& invocation) {
  const InputOptions input = input_options(invocation);
  const std::unique_ptr<runtime::TaskSource> source = open_input(input, STDIN_FILENO);
  const char record_end = input.form.delimiter == '\0' ? '\0' : '\n';
  for (auto state = runtime::TaskSource::State::more; state != runtime::TaskSource::State::end;) {
    const runtime::TaskSource::Batch batch = source->pull(256);
    state = batch.state;
    for (const core::TaskSpec& task : batch.tasks) {
      const std::string text = printable(task) + record_end;
      if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw system_error("cannot print", errno);
    }
    if (state != runtime::TaskSource::State::would_block) continue;
    check_printed();
    wait_readable(source->wait_fd());
  }
  check_printed();
  return 0;
}

/// Who set an option; the default of one that this program does not have.
Setting::Origin origin_of(const RunInvocation& invocation, std::string_view name) {
  const auto found = std::find_if(invocation.settings.begin(), invocation.settings.end(),
                                  [name](const Setting& setting) { return setting.name == name; });
  return found != invocation.settings.end() ? found->origin : Setting::Origin::default_value;
}

/// A run that is taken up elsewhere goes on with the shell that it began with.
void choose_shell(RunInvocation& invocation) {
  RunOptions& options = invocation.options;
  if (!options.shell.empty()) return;
  options.shell = caller_shell();
  for (Setting& setting : invocation.settings) {
    if (setting.name != "shell") continue;
    setting.values = {options.shell};
    setting.origin = Setting::Origin::environment;
    setting.where = "the calling shell";
  }
}

}  // namespace

bool are_slots_given(const RunInvocation& invocation) {
  return origin_of(invocation, "slots") != Setting::Origin::default_value;
}

bool are_slots_in_args(const RunInvocation& invocation) {
  return origin_of(invocation, "slots") == Setting::Origin::command_line;
}

int run(RunInvocation invocation) {
  if (const std::string fault = transport::launcher_fault(); !fault.empty()) throw UsageError(fault);
  // A run directory that is set for all runs, such as DROVER_RUN_DIR, does not contradict --resume.
  if (invocation.options.is_resume() && origin_of(invocation, "run-dir") != Setting::Origin::command_line)
    invocation.options.run_dir.clear();
  if (invocation.options.host_slots > 0 && !are_slots_given(invocation))
    invocation.options.num_slots = invocation.options.host_slots;
  // Nodes that were asked for by nobody in particular are given back by nobody in particular.
  if (invocation.options.submits_jobs() && origin_of(invocation, "idle-timeout") == Setting::Origin::default_value)
    invocation.options.scale.idle_timeout = kIdleNodes;
  choose_shell(invocation);
  if (invocation.options.input.tagstring) invocation.options.tag = true;
  check_run_options(invocation.options);
  const bool is_launched = transport::is_started_by_launcher();
  const bool is_first = transport::launcher_rank() == 0;
  if (invocation.options.dry_run) return is_first ? dry_run(invocation) : 0;
  if (!is_launched && invocation.resumed) {
    if (const std::optional<core::Counts> totals = look_at_resumed_run(invocation)) {
      const journal::RunDirectory finished = journal::RunDirectory::open(invocation.options.resumed_dir());
      std::fprintf(stderr, "drover: %s\n", finished_text(finished, *totals).c_str());
      cancel_left_jobs(finished.path());
      return exit_status(*totals);
    }
  }
  if (!is_launched) return run_supervised(invocation);
  return is_first ? run_master_rank(invocation)
                  : run_worker_rank(invocation.options.num_slots, invocation.program, invocation.options.isolation);
}

}  // namespace drover::cli
