#include "drover/cli/records/task_records.hpp"

#include <SQLiteCpp/Statement.h>

#include "drover/journal/row_codec.hpp"
#include "drover/journal/run_database.hpp"

namespace drover::cli {

namespace {

constexpr std::int64_t kPage = 1000;

std::string query(bool only_failed) {
  return std::string(
             "SELECT v.id, v.owner, v.state, t.kind, t.payload, t.slot_marks, t.tag, v.attempt, v.exit, v.signal, "
             "v.reason, v.host, v.started_at, v.ended_at, v.runtime, v.stdout_bytes, v.stderr_bytes, v.stderr_tail "
             "FROM ") +
         (only_failed ? "failures" : "tasks") +
         " AS v JOIN task_rows AS t ON t.id = v.id WHERE v.id > ? AND v.state <> 'unfinished' ORDER BY v.id LIMIT ?";
}

TaskRecord read_record(SQLite::Statement& row) {
  int index = 0;
  const auto next = [&] { return row.getColumn(index++); };
  const auto text = [&] { return next().getString(); };
  TaskRecord record;
  record.task = core::TaskId(static_cast<std::uint64_t>(next().getInt64()));
  record.owner = core::OwnerId(next().getUInt());
  record.state = text();
  record.is_command = next().getInt() == 0;
  record.payload = text();
  record.slot_marks = journal::decode_slot_marks(text());
  record.tag = text();
  record.attempt = next().getUInt();
  record.exit = next().getInt();
  record.signal = next().getInt();
  record.reason = text();
  record.host = text();
  record.started_at = next().getDouble();
  record.ended_at = next().getDouble();
  record.runtime = next().getDouble();
  record.stdout_bytes = static_cast<std::uint64_t>(next().getInt64());
  record.stderr_bytes = static_cast<std::uint64_t>(next().getInt64());
  record.stderr_tail = text();
  return record;
}

}  // namespace

void for_each_record(const journal::RunDirectory& run, bool only_failed,
                     const std::function<bool(const TaskRecord&)>& visit) {
  try {
    SQLite::Database database = journal::open_for_reading(run.database());
    SQLite::Statement select(database, query(only_failed));
    std::vector<TaskRecord> page;
    std::int64_t last = 0;
    do {
      page.clear();
      select.bind(1, last);
      select.bind(2, kPage);
      while (select.executeStep()) page.push_back(read_record(select));
      select.reset();
      for (const TaskRecord& record : page)
        if (!visit(record)) return;
      if (!page.empty()) last = static_cast<std::int64_t>(page.back().task.value);
    } while (!page.empty());
  } catch (const SQLite::Exception& e) {
    throw journal::database_error(e, "read", run.database());
  }
}

}  // namespace drover::cli
