// The schema of run.db, for those who query it and for those who change it.
//
// People query the views: `tasks`, `attempts`, `failures`, `hosts`, and the tables `workers`,
// `groups`, `events`, `progress`, `sessions`, `options`, `meta`. Times are seconds since 1970 in views
// and microseconds in tables; durations likewise.
//
// What a view `tasks` shows is kept where it costs least to record: a row of `task_rows` when a task
// is accepted, a row of `attempt_rows` when an attempt has ended, and no update of either in between.
// An attempt that ended its task says so in `task_end`. Only what is rare updates a task's row: an
// end without an attempt (cancelled, quarantined), an attempt handed back, a cancellation, a rerun.
//
// The version is SQLite's `user_version`. A newer drover brings an older database up to date when
// a master opens it; an older drover refuses a newer one.
#pragma once

#include <SQLiteCpp/Database.h>

#include <filesystem>

namespace drover::journal {

inline constexpr int kSchemaVersion = 2;

/// Whether this is a run.db that this drover can use; throws Error if not, naming `path` and what to do.
void check_schema(SQLite::Database& database, const std::filesystem::path& path);

/// Brings an empty database, or one of an older version, up to date, within the caller's transaction.
void upgrade_schema(SQLite::Database& database);

}  // namespace drover::journal
