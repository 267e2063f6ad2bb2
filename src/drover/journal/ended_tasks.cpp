#include "drover/journal/ended_tasks.hpp"

#include <SQLiteCpp/Statement.h>

#include <memory>
#include <unordered_map>

#include "drover/journal/output_index.hpp"
#include "drover/journal/output_paths.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/journal/run_records.hpp"
#include "drover/support/duration.hpp"

namespace drover::journal {

namespace {

struct EndsReader {
  explicit EndsReader(const RunDirectory& run) : database(open_for_reading(run.database())), ends(database) {}
  SQLite::Database database;
  RecordedEnds ends;
};

std::string describe(SQLite::Database& database, core::TaskId task) {
  SQLite::Statement select(database,
                           "SELECT state, host, attempt, exit, signal, reason, runtime, (SELECT count(*) FROM "
                           "attempt_rows WHERE task = t.id) FROM tasks AS t WHERE id = ? AND state <> 'unfinished'");
  select.bind(1, static_cast<std::int64_t>(task.value));
  if (!select.executeStep()) return "";
  std::string text = select.getColumn(0).getString();
  if (text == "timed_out") text = "timed out";
  if (!select.getColumn(1).isNull()) text += " on " + select.getColumn(1).getString();
  if (!select.getColumn(5).isNull()) {
    text += ": could not start: " + select.getColumn(5).getString();
  } else if (select.getColumn(4).getInt() != 0) {
    text += " by signal " + std::to_string(select.getColumn(4).getInt());
  } else if (!select.getColumn(3).isNull()) {
    text += " with exit status " + std::to_string(select.getColumn(3).getInt());
  }
  if (!select.getColumn(6).isNull())
    text += " after " + support::format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(
                            std::chrono::duration<double>(select.getColumn(6).getDouble())));
  const int num_attempts = select.getColumn(7).getInt();
  if (num_attempts > 1) text += ", in " + std::to_string(num_attempts) + " attempts";
  return text;
}

constexpr const char* kSelectEnded = "SELECT id, coalesce(attempt, 0), coalesce(tag, command, '') FROM tasks ";

/// From a row of kSelectEnded, without its output.
EndedTask ended_task(SQLite::Statement& row) {
  const core::TaskId id(static_cast<std::uint64_t>(row.getColumn(0).getInt64()));
  return {{id, row.getColumn(1).getUInt()}, row.getColumn(2).getString(), {}};
}

/// Whether the entry is that of the task's own attempt.
bool set_output(EndedTask& task, const LocatedEntry& located) {
  if (located.entry.attempt != task.attempt) return false;
  task.output = located.entry.output;
  task.index_begin = located.begin;
  task.index_end = located.end;
  task.is_output_given_up = located.entry.output.is_empty();
  return true;
}

}  // namespace

OutputRecords output_records(const RunDirectory& run) {
  return reading(run.database(), [&run]() -> OutputRecords {
    return {[run, reader = std::make_shared<EndsReader>(run)](core::AttemptId attempt) {
              return reading(run.database(), [&] { return reader->ends.contains(attempt); });
            },
            [run](const OutputRecords::Visit& visit) {
              reading(run.database(), [&] {
                SQLite::Database database = open_for_reading(run.database());
                for_each_recorded_output(database, visit);
                return 0;
              });
            }};
  });
}

std::function<std::string(core::TaskId)> task_history(const RunDirectory& run) {
  return [run](core::TaskId task) {
    return reading(run.database(), [&] {
      SQLite::Database database = open_for_reading(run.database());
      return describe(database, task);
    });
  };
}

void for_each_ended(const RunDirectory& run, const std::filesystem::path& outputs, core::TaskId first,
                    const std::function<bool(const EndedTask&)>& visit) {
  std::unordered_map<core::TaskId, LocatedEntry> entries;
  read_index(index_path(outputs), 0, [&](const LocatedEntry& located) {
    if (located.entry.attempt.task >= first) entries[located.entry.attempt.task] = located;
  });
  reading(run.database(), [&] {
    SQLite::Database database = open_for_reading(run.database());
    SQLite::Statement select(database,
                             std::string(kSelectEnded) + "WHERE id >= ? AND state <> 'unfinished' ORDER BY id");
    select.bind(1, static_cast<std::int64_t>(first.value));
    while (select.executeStep()) {
      EndedTask task = ended_task(select);
      if (const auto found = entries.find(task.attempt.task); found != entries.end()) set_output(task, found->second);
      if (!visit(task)) break;
    }
    return 0;
  });
}

void for_each_stored(const RunDirectory& run, const std::filesystem::path& outputs, std::uint64_t index_begin,
                     const std::function<void(const EndedTask&)>& visit) {
  reading(run.database(), [&] {
    SQLite::Database database = open_for_reading(run.database());
    SQLite::Statement select(database, std::string(kSelectEnded) + "WHERE id = ? AND state <> 'unfinished'");
    read_index(index_path(outputs), index_begin, [&](const LocatedEntry& located) {
      select.bind(1, static_cast<std::int64_t>(located.entry.attempt.task.value));
      if (select.executeStep()) {
        EndedTask task = ended_task(select);
        if (set_output(task, located)) visit(task);
      }
      select.reset();
    });
    return 0;
  });
}

}  // namespace drover::journal
