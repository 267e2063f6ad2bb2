// The journal as run.db, with joblog.tsv and events.jsonl written behind it.
//
// Facts wait in memory until it is time for a commit: at the end of a turn, but never sooner than a
// few milliseconds after the commit before, nor so often that commits take most of the time where a
// commit is slow. One transaction then holds all that waits. Only when it is committed are the two
// files written, so that no line there precedes its record; the database knows how long they were
// at its last commit, and a master that takes the run up again puts right what a crash left there.
//
// A commit that fails leaves everything as it was before, and is tried again by the next call. One
// that finds the database locked by another program is not a failure: it waits for its turn.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/core/snapshot.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/journal/completion.hpp"
#include "drover/journal/job_log.hpp"
#include "drover/journal/journal.hpp"
#include "drover/journal/progress.hpp"
#include "drover/journal/record_writer.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/journal/run_description.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

/// How a session, the time under one master, came to its end.
enum class SessionEnd { finished, stopped, failed };

/// Safe means: against the death of any process; with Durability::full against loss of power too;
/// with Durability::off it means nothing, and commits come once a second.
class SqliteJournal final : public Journal {
 public:
  /// Takes up the run in `run`, whose database exists (see create_run) and which this process has
  /// locked, and begins a session. Throws Error.
  SqliteJournal(const RunDirectory& run, const DatabaseOptions& options, const std::string& drover_version);

  /// From where the scheduler is to go on. What was with workers when a master died may have run:
  /// the number of that attempt is not used again.
  [[nodiscard]] const core::Snapshot& start() const { return start_; }

  /// Every task before this one has ended.
  [[nodiscard]] core::TaskId first_unfinished() const { return completion_.first_unfinished(); }
  /// Owners from this one on have had no task.
  [[nodiscard]] core::OwnerId next_owner() const { return progress_.next_owner; }

  /// Says with which options the run goes on, if others than before. Throws Error.
  void set_options(const std::vector<StoredOption>& options);

  void record(Turn turn) override;
  [[nodiscard]] std::vector<Turn> commit(core::Time now) override;
  void hurry() override;
  [[nodiscard]] std::vector<Turn> flush() override;
  [[nodiscard]] std::optional<core::Time> next_commit() const override;

  /// Takes ended tasks up again: those of the view `tasks` for which the SQL expression `where` holds. What
  /// they went through before stays on record and does not count any more. Before the first turn is recorded; changes
  /// start(). Returns how many. Throws UsageError naming the expression if it is none.
  std::uint64_t reopen(const std::string& where);

  /// Called before each commit with Durability::full: what the records speak of (outputs) must be as
  /// safe as they are.
  void set_sync(std::function<void()> sync) { sync_ = std::move(sync); }

  /// The input goes on behind the tasks that it has given, even if it had ended; those have this
  /// fingerprint. Before the first turn is recorded; changes start().
  void continue_input(Fingerprint fingerprint);

  /// The program that submitted functions goes on with them: those that are unfinished, and that it or its tasks
  /// submitted, are not dispatched before it claims them. Changes start().
  void leave_calls_unclaimed();

  /// Turns were recorded and flushed before the scheduler was started: start() has them then. Throws Error.
  void read_start_again();

  /// Whether what is recorded gets to where the run is: nobody has removed or replaced its database.
  [[nodiscard]] bool is_in_place() const { return database_.is_in_place(); }
  /// The first of joblog.tsv and events.jsonl that has been removed, replaced or cut; empty: neither.
  [[nodiscard]] std::filesystem::path disturbed_view() const;
  /// Makes both again from what is recorded, after a last flush(), and sets aside what has their names. Throws Error.
  void restore_views();

  /// Says in the journal how this session ended, after a last flush(). Throws Error.
  void end_session(SessionEnd how, int exit_status, const std::string& reason);

  [[nodiscard]] const RunDatabase& database() const { return database_; }
  [[nodiscard]] const Progress& progress() const { return progress_; }
  /// What was found wrong with the files of the run, and put right.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  void repair_files();
  [[nodiscard]] bool is_job_log_known();
  void set_aside_if_any(AppendFile& file, std::uint64_t known_size);
  void write_views(bool has_all);
  void read_start();
  void know_unfinished_commands();
  void begin_session(const std::string& drover_version);
  void flush_files();
  [[nodiscard]] bool try_commit();
  void check_is_last_session();
  void follow(const Turn& turn);
  [[nodiscard]] std::vector<Turn> take_unsafe();
  [[nodiscard]] std::vector<Turn> take_committed();
  [[nodiscard]] Error locked_error() const;

  RunDirectory run_;
  Durability durability_;
  RunDatabase database_;
  Progress progress_;  ///< as committed
  bool was_cut_short_;
  core::Snapshot start_;
  Completion completion_;
  RecordWriter writer_;
  ProgressWriter progress_writer_;
  JobLog job_log_;
  AppendFile events_;
  std::int64_t session_ = 0;
  std::vector<std::string> notes_;

  std::vector<Turn> waiting_;
  std::size_t num_waiting_facts_ = 0;
  std::size_t num_given_back_ = 0;  ///< of those that wait; only with Durability::off
  core::WallMicros last_at_;        ///< of the last turn
  core::Time due_{};
  std::optional<core::Time> locked_since_;
  std::function<void()> sync_;
};

}  // namespace drover::journal
