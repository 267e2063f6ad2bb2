#include "drover/journal/sqlite_schema.hpp"

#include <SQLiteCpp/Statement.h>

#include <array>
#include <string>

#include "drover/support/error.hpp"

namespace drover::journal {

namespace {

/// "drov", in the header of every run.db: file(1) and drover know it by that.
constexpr int kApplicationId = 0x64726f76;

constexpr const char* kVersion1Tables = R"sql(
-- What the run is: run_id, drover_version, created_at, directory (where it was started), input (JSON).
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- The options it was started with; an option with several values has several rows.
CREATE TABLE options (
  name     TEXT NOT NULL,
  position INTEGER NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (name, position)
) WITHOUT ROWID;

-- Each time that a master took the run up; ended_at is NULL if it runs, or was cut short.
CREATE TABLE sessions (
  id             INTEGER PRIMARY KEY,
  started_at     INTEGER NOT NULL,
  host           TEXT NOT NULL,
  pid            INTEGER NOT NULL,
  drover_version TEXT NOT NULL,
  durability     TEXT NOT NULL,  -- full, normal, off
  file_system    TEXT NOT NULL,
  journal_mode   TEXT NOT NULL,  -- wal, truncate
  ended_at       INTEGER,
  how            TEXT,           -- finished, stopped, failed
  exit_status    INTEGER,
  reason         TEXT
);

-- One row, as of the last commit.
CREATE TABLE progress (
  id                INTEGER PRIMARY KEY CHECK (id = 1),
  updated_at        INTEGER NOT NULL DEFAULT 0,
  accepted          INTEGER NOT NULL DEFAULT 0,
  succeeded         INTEGER NOT NULL DEFAULT 0,
  failed            INTEGER NOT NULL DEFAULT 0,
  timed_out         INTEGER NOT NULL DEFAULT 0,
  cancelled         INTEGER NOT NULL DEFAULT 0,
  quarantined       INTEGER NOT NULL DEFAULT 0,
  superseded        INTEGER NOT NULL DEFAULT 0,  -- late results that were dropped
  lost_attempts     INTEGER NOT NULL DEFAULT 0,
  workers_joined    INTEGER NOT NULL DEFAULT 0,
  workers_lost      INTEGER NOT NULL DEFAULT 0,
  input_ended       INTEGER NOT NULL DEFAULT 0,
  input_tasks       INTEGER NOT NULL DEFAULT 0,  -- how many tasks the run's own input has given
  input_fingerprint INTEGER NOT NULL DEFAULT 0,  -- of those
  next_worker       INTEGER NOT NULL DEFAULT 1,
  next_group        INTEGER NOT NULL DEFAULT 0,
  next_owner        INTEGER NOT NULL DEFAULT 1,
  first_unfinished  INTEGER NOT NULL DEFAULT 1,  -- every task before it has ended
  -- How long joblog.tsv and events.jsonl were when all that was recorded before had been written
  -- there, and which records are therefore still to come: those at or after this time.
  job_log_size      INTEGER NOT NULL DEFAULT 0,
  events_size       INTEGER NOT NULL DEFAULT 0,
  unwritten_since   INTEGER NOT NULL DEFAULT 0
);
INSERT INTO progress (id) VALUES (1);

CREATE TABLE task_rows (
  id               INTEGER PRIMARY KEY,
  owner            INTEGER NOT NULL,  -- 0: the run's own input
  kind             INTEGER NOT NULL,  -- 0 command, 1 function
  payload          BLOB NOT NULL,
  slot_marks       BLOB,              -- where the job slot's number goes: 32-bit offsets, little-endian
  tag              BLOB,
  priority         INTEGER NOT NULL,
  depth            INTEGER NOT NULL,  -- how many tasks made one another down to this one
  timeout          INTEGER NOT NULL,  -- 0: that of the run
  accepted_at      INTEGER NOT NULL,
  last_attempt     INTEGER,           -- handed back without having begun: its number is used up
  counts_from      INTEGER,           -- taken up again: attempts up to this number do not count
  cancel_requested INTEGER,
  task_end         INTEGER,           -- as in attempt_rows, for an end without an attempt
  ended_at         INTEGER
);
CREATE INDEX task_rows_ended ON task_rows (task_end) WHERE task_end IS NOT NULL;

CREATE TABLE attempt_rows (
  task         INTEGER NOT NULL,
  n            INTEGER NOT NULL,
  worker       INTEGER NOT NULL,
  outcome      INTEGER NOT NULL,  -- 0 exited, 1 signaled, 2 timed_out, 3 not_started, 4 killed, 5 lost,
                                  -- 6 threw
  code         INTEGER NOT NULL,  -- exit status; signal; errno; of a lost one 1 if it was executing
  reason       TEXT,
  started_at   INTEGER NOT NULL,
  runtime      INTEGER NOT NULL,
  cpu_time     INTEGER NOT NULL,
  max_rss_kib  INTEGER NOT NULL,
  stdout_bytes INTEGER NOT NULL,
  stderr_bytes INTEGER NOT NULL,
  stderr_tail  BLOB,
  value        BLOB,              -- what a function returned, serialized
  recorded_at  INTEGER NOT NULL,
  task_end     INTEGER,           -- 0 succeeded, 1 failed, 2 timed_out, 3 cancelled, 4 quarantined
  PRIMARY KEY (task, n)
) WITHOUT ROWID;
CREATE INDEX attempt_rows_unsuccessful ON attempt_rows (task) WHERE task_end > 0;

CREATE TABLE workers (
  id             INTEGER PRIMARY KEY,
  group_id       INTEGER NOT NULL,
  host           TEXT NOT NULL,
  pid            INTEGER NOT NULL,
  slots          INTEGER NOT NULL,
  first_job_slot INTEGER NOT NULL,
  joined_at      INTEGER NOT NULL,
  ended_at       INTEGER,
  how            TEXT,  -- drained, lost, refused
  reason         TEXT
);

CREATE TABLE groups (
  id           INTEGER PRIMARY KEY,
  source       TEXT NOT NULL,  -- world, spawn, join
  first_worker INTEGER NOT NULL,
  population   INTEGER NOT NULL,
  hosts        TEXT NOT NULL,
  formed_at    INTEGER NOT NULL,
  ended_at     INTEGER,
  how          TEXT            -- left, lost
);

-- What happens seldom, as the lines of events.jsonl have it.
CREATE TABLE events (
  id     INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  event  TEXT NOT NULL,
  fields TEXT NOT NULL  -- the whole line, as JSON
);
)sql";

constexpr const char* kVersion1Views = R"sql(
CREATE VIEW attempts AS
  SELECT a.task, a.n AS attempt, a.worker, w.host,
    CASE a.outcome WHEN 0 THEN 'exited' WHEN 1 THEN 'signaled' WHEN 2 THEN 'timed_out'
      WHEN 3 THEN 'not_started' WHEN 4 THEN 'killed' WHEN 6 THEN 'threw' ELSE 'lost' END AS outcome,
    CASE a.outcome WHEN 0 THEN a.code WHEN 1 THEN 0 WHEN 3 THEN iif(a.code = 2, 127, 126)
      WHEN 6 THEN 1 ELSE -1 END AS exit,
    CASE a.outcome WHEN 1 THEN a.code WHEN 2 THEN a.code WHEN 4 THEN 15 ELSE 0 END AS signal,
    a.outcome = 5 AND a.code = 1 AS charged,
    a.reason,
    a.started_at / 1e6 AS started_at, a.runtime / 1e6 AS runtime, a.cpu_time / 1e6 AS cpu_time,
    a.max_rss_kib, a.stdout_bytes, a.stderr_bytes, CAST(a.stderr_tail AS TEXT) AS stderr_tail,
    a.recorded_at / 1e6 AS recorded_at
  FROM attempt_rows AS a LEFT JOIN workers AS w ON w.id = a.worker;

CREATE VIEW tasks AS
  SELECT t.id, t.owner,
    CASE coalesce(t.task_end, a.task_end) WHEN 0 THEN 'succeeded' WHEN 1 THEN 'failed'
      WHEN 2 THEN 'timed_out' WHEN 3 THEN 'cancelled' WHEN 4 THEN 'quarantined'
      ELSE 'unfinished' END AS state,
    CASE t.kind WHEN 0 THEN CAST(t.payload AS TEXT) END AS command,
    CAST(t.tag AS TEXT) AS tag,
    t.accepted_at / 1e6 AS accepted_at,
    coalesce(t.ended_at, a.recorded_at) / 1e6 AS ended_at,
    a.n AS attempt,
    CASE a.outcome WHEN 0 THEN a.code WHEN 1 THEN 0 WHEN 2 THEN -1
      WHEN 3 THEN iif(a.code = 2, 127, 126) WHEN 6 THEN 1 END AS exit,
    CASE WHEN a.outcome IN (1, 2) THEN a.code WHEN a.outcome IS NOT NULL THEN 0 END AS signal,
    a.reason, a.worker, w.host,
    a.started_at / 1e6 AS started_at, a.runtime / 1e6 AS runtime, a.cpu_time / 1e6 AS cpu_time,
    a.max_rss_kib, a.stdout_bytes, a.stderr_bytes, CAST(a.stderr_tail AS TEXT) AS stderr_tail
  FROM task_rows AS t
    LEFT JOIN attempt_rows AS a
      ON a.task = t.id AND a.n > coalesce(t.counts_from, 0) AND a.task_end IS NOT NULL
    LEFT JOIN workers AS w ON w.id = a.worker;

CREATE VIEW failures AS
  SELECT * FROM tasks
  WHERE id IN (SELECT task FROM attempt_rows WHERE task_end > 0
               UNION SELECT id FROM task_rows WHERE task_end IS NOT NULL)
    AND state NOT IN ('succeeded', 'unfinished');

CREATE VIEW hosts AS
  SELECT host, count(*) AS attempts, sum(outcome = 'exited' AND exit = 0) AS succeeded,
    sum(outcome = 'lost') AS lost, sum(runtime) AS busy_seconds, avg(runtime) AS mean_runtime,
    max(max_rss_kib) AS max_rss_kib
  FROM attempts GROUP BY host;
)sql";

constexpr const char* kVersion2 = R"sql(
ALTER TABLE task_rows ADD COLUMN maker INTEGER;  -- the task that made it; NULL: no task did
)sql";

/// Entry N takes a database of version N to N + 1. Entries are never changed, only added.
constexpr std::array<std::array<const char*, 2>, kSchemaVersion> kSteps{
    {{kVersion1Tables, kVersion1Views}, {kVersion2, ""}}};

int number(SQLite::Database& database, const char* pragma) {
  return database.execAndGet(std::string("PRAGMA ") + pragma).getInt();
}

}  // namespace

void check_schema(SQLite::Database& database, const std::filesystem::path& path) {
  if (number(database, "application_id") != kApplicationId)
    throw Error("'" + path.string() + "' is not a journal of drover");
  const int version = number(database, "user_version");
  if (version > kSchemaVersion)
    throw Error("'" + path.string() + "' was written by a newer drover (schema " + std::to_string(version) +
                ", this one knows " + std::to_string(kSchemaVersion) + "): use that one");
}

void upgrade_schema(SQLite::Database& database) {
  for (int version = number(database, "user_version"); version < kSchemaVersion; ++version)
    for (const char* statements : kSteps.at(static_cast<std::size_t>(version))) database.exec(statements);
  database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version = " + std::to_string(kSchemaVersion));
}

}  // namespace drover::journal
