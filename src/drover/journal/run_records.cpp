#include "drover/journal/run_records.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <string>

#include "drover/journal/row_codec.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/support/error.hpp"

namespace drover::journal {

namespace {

using namespace core;

std::string bytes(const SQLite::Column& column) {
  const void* data = column.getBlob();
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<std::size_t>(column.getBytes()));
}

/// Reads the columns of a row from left to right.
class RowReader {
 public:
  explicit RowReader(SQLite::Statement& statement) : statement_(statement) {}

  std::int64_t number() { return statement_.getColumn(index_++).getInt64(); }
  std::uint64_t count() { return static_cast<std::uint64_t>(number()); }
  std::uint32_t count32() { return static_cast<std::uint32_t>(number()); }
  int integer() { return static_cast<int>(number()); }
  Duration micros() { return std::chrono::microseconds(number()); }
  std::string blob() { return bytes(statement_.getColumn(index_++)); }
  [[nodiscard]] bool is_null() const { return statement_.getColumn(index_).isNull(); }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

TaskSpec read_spec(RowReader& row) {
  TaskSpec spec;
  spec.kind = static_cast<TaskKind>(row.number());
  spec.payload = row.blob();
  spec.slot_marks = decode_slot_marks(row.blob());
  spec.tag = row.blob();
  spec.priority = static_cast<std::uint8_t>(row.number());
  spec.depth = static_cast<std::uint16_t>(row.number());
  spec.timeout = row.micros();
  spec.maker = TaskId(row.count());
  return spec;
}

constexpr const char* kUnfinished = R"sql(
SELECT id, owner, kind, payload, slot_marks, tag, priority, depth, timeout, maker, coalesce(last_attempt, 0),
  coalesce(counts_from, 0), cancel_requested IS NOT NULL
FROM task_rows AS t
WHERE id >= ? AND task_end IS NULL AND NOT EXISTS (
  SELECT 1 FROM attempt_rows AS a
  WHERE a.task = t.id AND a.n > coalesce(t.counts_from, 0) AND a.task_end IS NOT NULL)
ORDER BY id)sql";

/// The highest number; how many failed (neither succeeded nor killed nor lost); how many took their
/// worker along.
constexpr const char* kAttemptsOfTask = R"sql(
SELECT coalesce(max(n), 0),
  coalesce(sum(n > ?2 AND NOT (outcome = 0 AND code = 0) AND outcome NOT IN (4, 5)), 0),
  coalesce(sum(n > ?2 AND outcome = 5 AND code = 1), 0)
FROM attempt_rows WHERE task = ?1)sql";

// Each gives the time of the record first, and has its rows in the order of time.

constexpr const char* kAcceptedSince = R"sql(
SELECT accepted_at, id, owner, kind, payload, slot_marks, tag, priority, depth, timeout, maker
FROM task_rows WHERE id >= ?1 AND accepted_at >= ?2 ORDER BY id)sql";

/// Attempts that ended, and tasks that ended without one.
constexpr const char* kEndedSince = R"sql(
SELECT at, t.id, t.owner, t.kind, t.payload, t.slot_marks, t.tag, t.priority, t.depth, t.timeout, t.maker, w.id,
  w.group_id, w.host, e.worker,
  e.outcome, e.n, e.code, e.reason, e.started_at, e.runtime, e.cpu_time, e.max_rss_kib, e.stdout_bytes,
  e.stderr_bytes, e.stderr_tail, e.task_end
FROM (
  SELECT recorded_at AS at, 0 AS is_alone, task, worker, n, outcome, code, reason, started_at, runtime, cpu_time,
    max_rss_kib, stdout_bytes, stderr_bytes, stderr_tail, task_end
  FROM attempt_rows WHERE task >= ?1 AND recorded_at >= ?2
  UNION ALL
  SELECT ended_at, 1, id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, task_end
  FROM task_rows WHERE id >= ?1 AND task_end IS NOT NULL AND ended_at >= ?2
) AS e
JOIN task_rows AS t ON t.id = e.task
LEFT JOIN workers AS w ON w.id = e.worker
ORDER BY at, is_alone, task, n)sql";

constexpr const char* kEventsSince = "SELECT at, fields FROM events WHERE at >= ?2 ORDER BY id";

/// A statement that gives records in the order of time.
class Cursor {
 public:
  Cursor(SQLite::Database& database, const char* select, WallMicros since, TaskId first)
      : statement_(database, select) {
    statement_.bind(1, static_cast<std::int64_t>(first.value));
    statement_.bind(2, since);
    advance();
  }

  /// Of the row that comes next; the end of time when there is none.
  [[nodiscard]] WallMicros at() const { return at_; }
  [[nodiscard]] bool is_at_end() const { return !has_row_; }
  [[nodiscard]] RowReader row() {
    RowReader row(statement_);
    (void)row.number();
    return row;
  }
  void advance() {
    has_row_ = statement_.executeStep();
    at_ = has_row_ ? statement_.getColumn(0).getInt64() : std::numeric_limits<WallMicros>::max();
  }

 private:
  SQLite::Statement statement_;
  bool has_row_ = false;
  WallMicros at_ = 0;
};

void replay_accepted(RowReader row, WallMicros at, const ReplayVisitor& visitor) {
  const TaskId task(row.count());
  const OwnerId owner(row.count32());
  visitor.fact(fact::TaskAccepted{task, owner, read_spec(row)}, at);
}

void replay_ended(RowReader row, WallMicros at, const ReplayVisitor& visitor) {
  const TaskId task(row.count());
  const OwnerId owner(row.count32());
  visitor.context(fact::TaskAccepted{task, owner, read_spec(row)}, at);
  const WorkerId joined(row.count32());
  const GroupId group(row.count32());
  std::string host = row.blob();
  if (!joined.is_none()) visitor.context(fact::WorkerJoined{joined, group, std::move(host), 0, 1, 1}, at);
  const WorkerId worker(row.count32());
  const bool has_attempt = !row.is_null();
  const int outcome = row.integer();
  AttemptResult result;
  result.attempt = {task, row.count32()};
  const int code = row.integer();
  const std::string reason = row.blob();
  result.started_at = row.number();
  result.runtime = row.micros();
  result.cpu_time = row.micros();
  result.max_rss_kib = row.count();
  result.stdout_bytes = row.count();
  result.stderr_bytes = row.count();
  result.stderr_tail = row.blob();
  if (has_attempt && outcome == kLostOutcome) {
    visitor.fact(fact::AttemptLost{result.attempt, worker, code != 0}, at);
  } else if (has_attempt) {
    result.outcome = decode_outcome({outcome, code, reason});
    visitor.fact(fact::AttemptEnded{result, worker}, at);
  }
  if (!row.is_null()) visitor.fact(fact::TaskEnded{task, owner, static_cast<TaskEnd>(row.integer())}, at);
}

/// What follows a first statement would be ignored without a word.
void check_is_one_statement(SQLite::Database& database, const std::string& query) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int result = sqlite3_prepare_v2(database.getHandle(), query.c_str(), -1, &statement, &rest);
  sqlite3_finalize(statement);
  if (result != SQLITE_OK) throw SQLite::Exception(database.getHandle(), result);
  if (*rest != '\0') throw SQLite::Exception("it is more than one expression", SQLITE_ERROR);
}

}  // namespace

Snapshot read_snapshot(SQLite::Database& database, const Progress& progress) {
  Snapshot snapshot;
  snapshot.totals = progress.totals;
  snapshot.is_input_ended = progress.is_input_ended;
  snapshot.next_worker = progress.next_worker;
  snapshot.next_group = progress.next_group;
  SQLite::Statement unfinished(database, kUnfinished);
  SQLite::Statement attempts(database, kAttemptsOfTask);
  unfinished.bind(1, static_cast<std::int64_t>(progress.first_unfinished.value));
  while (unfinished.executeStep()) {
    RowReader row(unfinished);
    UnfinishedTask task;
    task.id = TaskId(row.count());
    task.owner = OwnerId(row.count32());
    task.spec = read_spec(row);
    const std::uint32_t last_attempt = row.count32();
    const std::int64_t counts_from = row.number();
    task.is_cancelled = row.number() != 0;
    attempts.bind(1, static_cast<std::int64_t>(task.id.value));
    attempts.bind(2, counts_from);
    if (attempts.executeStep()) {
      RowReader counts(attempts);
      task.num_attempts = std::max(last_attempt, counts.count32());
      task.num_failures = counts.count32();
      task.num_worker_kills = counts.count32();
    }
    attempts.reset();
    snapshot.unfinished.push_back(std::move(task));
  }
  return snapshot;
}

RecordedEnds::RecordedEnds(SQLite::Database& database)
    : select_(database, "SELECT 1 FROM attempt_rows WHERE task = ? AND n = ? AND task_end IS NOT NULL") {}

bool RecordedEnds::contains(AttemptId attempt) {
  select_.reset();
  select_.bind(1, static_cast<std::int64_t>(attempt.task.value));
  select_.bind(2, static_cast<std::int64_t>(attempt.n));
  const bool is_recorded = select_.executeStep();
  select_.reset();
  return is_recorded;
}

void for_each_recorded_output(SQLite::Database& database, const OutputRecords::Visit& visit) {
  SQLite::Statement select(
      database,
      "SELECT a.task, a.n, a.stdout_bytes, a.stderr_bytes, t.kind FROM attempt_rows AS a JOIN task_rows AS t ON t.id = "
      "a.task WHERE a.task_end IS NOT NULL AND a.n > coalesce(t.counts_from, 0) AND a.stdout_bytes + a.stderr_bytes > "
      "0 "
      "AND a.worker <> 0");
  while (select.executeStep()) {
    RowReader row(select);
    RecordedOutput output;
    output.attempt.task = TaskId(row.count());
    output.attempt.n = row.count32();
    output.stdout_bytes = row.count();
    output.stderr_bytes = row.count();
    output.is_exact = static_cast<TaskKind>(row.number()) == TaskKind::command;
    visit(output);
  }
}

InputTasks::InputTasks(const RunDirectory& run)
    : path_(run.database()),
      database_(open_for_reading(path_)),
      select_(database_,
              "SELECT kind, payload, slot_marks, tag, priority, depth, timeout, maker FROM task_rows WHERE owner = 0 "
              "ORDER BY id") {}

std::optional<TaskSpec> InputTasks::next() {
  return reading(path_, [this]() -> std::optional<TaskSpec> {
    if (!select_.executeStep()) return std::nullopt;
    RowReader row(select_);
    return read_spec(row);
  });
}

std::vector<TaskId> select_ended_tasks(SQLite::Database& database, const std::string& where) {
  const std::string query = "SELECT id FROM tasks WHERE state <> 'unfinished' AND (" + where + "\n) ORDER BY id";
  try {
    check_is_one_statement(database, query);
    SQLite::Statement select(database, query);
    std::vector<TaskId> tasks;
    while (select.executeStep()) tasks.emplace_back(static_cast<std::uint64_t>(select.getColumn(0).getInt64()));
    return tasks;
  } catch (const SQLite::Exception& e) {
    if (e.getErrorCode() != SQLITE_ERROR) throw;
    throw UsageError("'" + where + "' is no condition on the tasks of run.db: " + e.what() +
                     "; expected for example \"state = 'failed' AND host = 'node7'\"");
  }
}

void reopen_tasks(SQLite::Database& database, const std::vector<TaskId>& tasks, Counts& totals) {
  SQLite::Statement state(database, "SELECT state FROM tasks WHERE id = ?");
  SQLite::Statement reopen(
      database,
      "UPDATE task_rows SET task_end = NULL, ended_at = NULL, cancel_requested = NULL, counts_from "
      "= max(coalesce(last_attempt, 0), (SELECT coalesce(max(n), 0) FROM attempt_rows WHERE task "
      "= ?1)) WHERE id = ?1");
  const std::map<std::string, std::uint64_t*> counts{{"succeeded", &totals.succeeded},
                                                     {"failed", &totals.failed},
                                                     {"timed_out", &totals.timed_out},
                                                     {"cancelled", &totals.cancelled},
                                                     {"quarantined", &totals.quarantined}};
  for (const TaskId task : tasks) {
    for (SQLite::Statement* statement : {&state, &reopen}) statement->bind(1, static_cast<std::int64_t>(task.value));
    if (state.executeStep()) --*counts.at(state.getColumn(0).getString());
    reopen.exec();
    state.reset();
    reopen.reset();
  }
}

void replay_records(SQLite::Database& database, WallMicros since, TaskId first, const ReplayVisitor& visitor) {
  Cursor accepted(database, kAcceptedSince, since, first);
  Cursor ended(database, kEndedSince, since, first);
  Cursor events(database, kEventsSince, since, first);
  // Within a turn: what was accepted, what ended, and then how workers ended.
  while (!accepted.is_at_end() || !ended.is_at_end() || !events.is_at_end()) {
    if (accepted.at() <= ended.at() && accepted.at() <= events.at()) {
      replay_accepted(accepted.row(), accepted.at(), visitor);
      accepted.advance();
    } else if (ended.at() <= events.at()) {
      replay_ended(ended.row(), ended.at(), visitor);
      ended.advance();
    } else {
      visitor.event(events.row().blob());
      events.advance();
    }
  }
}

}  // namespace drover::journal
