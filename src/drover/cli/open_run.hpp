// The run that a master works on: a new one, or one that is taken up again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/cli/run_command.hpp"
#include "drover/journal/recorded_calls.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/journal/run_lock.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// Locked for this process, with a session begun in its journal.
struct OpenRun {
  journal::RunDirectory directory;
  journal::RunLock lock;
  std::unique_ptr<journal::SqliteJournal> journal;
  std::unique_ptr<runtime::TaskSource> source;
  /// Where commands run unless told otherwise; empty: where their worker was started.
  std::string workdir;
  /// Whether another process could go on with the input where this one leaves it.
  bool is_input_safe = true;
  /// Of a program's run that is taken up again; else null.
  std::unique_ptr<journal::RecordedCalls> recorded;
  /// What users should know of how the run goes on.
  std::vector<std::string> notices;

  /// Whether there is nothing to do.
  [[nodiscard]] bool is_finished() const {
    return journal->start().is_input_ended && journal->start().unfinished.empty();
  }
};

/// Begins the run that was called for, or takes it up. Throws UsageError or Error: nothing has been
/// changed then, but that the directory of a new run may be there.
[[nodiscard]] OpenRun open_run(const RunInvocation& invocation);

/// What is said of a run that has nothing left to do: its counts, and how to run tasks again.
[[nodiscard]] std::string finished_text(const journal::RunDirectory& run, const core::Counts& totals);

/// Before anything is started: throws Error if the run is being worked on. The totals of the run if the call would find
/// nothing to do; else none.
[[nodiscard]] std::optional<core::Counts> look_at_resumed_run(const RunInvocation& invocation);

}  // namespace drover::cli
