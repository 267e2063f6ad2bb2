// What run.db says, as values of the core.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/core/snapshot.hpp"
#include "drover/journal/output_records.hpp"
#include "drover/journal/progress.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

// All of these throw SQLite::Exception if they cannot read.

/// The state that the recorded facts come to. Of what was with a worker it does not say so, and an
/// attempt that was dispatched, and neither ended nor came back, does not count.
[[nodiscard]] core::Snapshot read_snapshot(SQLite::Database& database, const Progress& progress);

/// Whether the task has its terminal record by this attempt, or had it before it was taken up again.
class RecordedEnds {
 public:
  explicit RecordedEnds(SQLite::Database& database);
  [[nodiscard]] bool contains(core::AttemptId attempt);

 private:
  SQLite::Statement select_;
};

/// See OutputRecords::for_each. What was imported has no output here.
void for_each_recorded_output(SQLite::Database& database, const OutputRecords::Visit& visit);

/// The tasks that the run's own input has given, one after the other.
class InputTasks {
 public:
  /// Throws Error if the database cannot be read.
  explicit InputTasks(const RunDirectory& run);
  /// None when there are no more. Throws Error likewise.
  [[nodiscard]] std::optional<core::TaskSpec> next();

 private:
  std::filesystem::path path_;
  SQLite::Database database_;
  SQLite::Statement select_;
};

/// The numbers, ascending, of the tasks that have ended and for which an SQL expression over the view
/// `tasks` holds. Throws UsageError naming the expression if it is none.
[[nodiscard]] std::vector<core::TaskId> select_ended_tasks(SQLite::Database& database, const std::string& where);

/// Takes these tasks up again, within the caller's transaction: their ends and attempts do not count
/// any more, nor in `totals`.
void reopen_tasks(SQLite::Database& database, const std::vector<core::TaskId>& tasks, core::Counts& totals);

/// Who is told what was recorded.
struct ReplayVisitor {
  using Visit = std::function<void(const core::Fact& fact, core::WallMicros at)>;
  /// Tasks that were accepted, attempts and tasks that ended.
  Visit fact;
  /// Before an attempt or a task that ended: the acceptance of the task and the joining of its
  /// worker, however old.
  Visit context;
  /// What else happened, as its line of events.jsonl without the newline.
  std::function<void(const std::string& line)> event;
};

/// Tells, in order, what was recorded at `since` or later, of tasks from `first` on. Not recorded are
/// dispatches, starts, pauses and attempts that came back.
void replay_records(SQLite::Database& database, core::WallMicros since, core::TaskId first,
                    const ReplayVisitor& visitor);

}  // namespace drover::journal
