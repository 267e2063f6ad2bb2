// Facts into rows of run.db.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <string>

#include "drover/journal/journal.hpp"
#include "drover/journal/progress.hpp"

namespace drover::journal {

/// Writes turns within the caller's transaction. Throws SQLite::Exception; the caller then rolls back.
class RecordWriter {
 public:
  explicit RecordWriter(SQLite::Database& database);

  /// Writes all facts of the turn, and adds to `progress` what they come to.
  void write(const Turn& turn, Progress& progress);

  /// Writes an event that is no fact; `line` is that of events.jsonl.
  void write_line(std::string line, core::WallMicros at);

 private:
  struct Context {
    core::WallMicros at;
    Progress& progress;
  };

  void write(const core::fact::TaskAccepted& fact, const Context& context);
  void write(const core::fact::InputEnded& fact, const Context& context);
  void write(const core::fact::GroupFormed& fact, const Context& context);
  void write(const core::fact::GroupEnded& fact, const Context& context);
  void write(const core::fact::WorkerJoined& fact, const Context& context);
  void write(const core::fact::WorkerEnded& fact, const Context& context);
  void write(const core::fact::AttemptSuperseded& fact, const Context& context);
  void write(const core::fact::AttemptHandedBack& fact, const Context& context);
  void write(const core::fact::AttemptLost& fact, const Context& context);
  void write(const core::fact::TaskCancelRequested& fact, const Context& context);
  void write(const core::fact::TaskEnded& fact, const Context& context);
  /// All others need no row of their own.
  template <class Other>
  void write(const Other&, const Context&) {}

  /// `end`: how the attempt ended its task, if it did.
  void write_attempt(const core::fact::AttemptEnded& fact, std::optional<core::TaskEnd> end, const Context& context);
  void write_event(const core::Fact& fact, core::WallMicros at);

  SQLite::Statement insert_task_;
  SQLite::Statement insert_attempt_;
  SQLite::Statement end_task_;
  SQLite::Statement use_up_attempt_;
  SQLite::Statement cancel_task_;
  SQLite::Statement insert_worker_;
  SQLite::Statement end_worker_;
  SQLite::Statement insert_group_;
  SQLite::Statement end_group_;
  SQLite::Statement insert_event_;
  std::string text_;  ///< reused
};

}  // namespace drover::journal
