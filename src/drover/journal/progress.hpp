// The one row of run.db that every commit writes.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>

#include "drover/core/counts.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"
#include "drover/journal/fingerprint.hpp"

namespace drover::journal {

struct Progress {
  core::WallMicros updated_at = 0;  ///< of the last turn
  core::Counts totals;
  bool is_input_ended = false;
  std::uint64_t num_input_tasks = 0;  ///< that the run's own input has given
  Fingerprint input_fingerprint;      ///< of those
  core::WorkerId next_worker{1};
  core::GroupId next_group{0};
  core::OwnerId next_owner{1};
  /// Before the turns of this commit: every task before it had ended, and the lengths that the files
  /// had with all that was recorded until then; what was recorded later has this time or a later one.
  core::TaskId first_unfinished{1};
  std::uint64_t job_log_size = 0;
  std::uint64_t events_size = 0;
  core::WallMicros unwritten_since = 0;
};

[[nodiscard]] Progress read_progress(SQLite::Database& database);

/// Writes the row, within the caller's transaction.
class ProgressWriter {
 public:
  explicit ProgressWriter(SQLite::Database& database);
  void write(const Progress& progress);

 private:
  SQLite::Statement update_;
};

}  // namespace drover::journal
