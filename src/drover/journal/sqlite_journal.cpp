#include "drover/journal/sqlite_journal.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "drover/journal/event_json.hpp"
#include "drover/journal/run_records.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::journal {

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// The shortest time between two commits.
constexpr core::Duration kInterval = 5ms;
constexpr core::Duration kIntervalOff = 1s;
/// Commits take at most one part in so many of the time.
constexpr int kPartsForCommits = 4;
/// More facts than this are committed whatever the time.
constexpr std::size_t kMostWaiting = 50'000;
/// Bytes that wait for being written to a file, while it is repaired.
constexpr std::size_t kMostBuffered = 1U << 20;
/// How long another program may keep the database locked: at a time, then at all.
constexpr int kLockPatienceMs = 50;
constexpr core::Duration kLockPatience = 10min;
constexpr core::Duration kLastLockPatience = 1min;

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string_view to_string(SessionEnd how) {
  switch (how) {
    case SessionEnd::finished:
      return "finished";
    case SessionEnd::stopped:
      return "stopped";
    case SessionEnd::failed:
      return "failed";
  }
  return "";
}

/// Whether the last session, if there was one, came to its end.
bool was_cut_short(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT ended_at IS NULL FROM sessions ORDER BY id DESC LIMIT 1");
  return select.executeStep() && select.getColumn(0).getInt() != 0;
}

Completion completion_of(const core::Snapshot& start) {
  core::TaskId next = start.unfinished.empty() ? core::TaskId(start.totals.accepted + 1) : start.unfinished.front().id;
  Completion completion(next);
  for (const core::UnfinishedTask& task : start.unfinished) {
    for (; next < task.id; ++next.value) completion.set_ended(next);
    ++next.value;
  }
  for (; next.value <= start.totals.accepted; ++next.value) completion.set_ended(next);
  return completion;
}

}  // namespace

SqliteJournal::SqliteJournal(const RunDirectory& run, const DatabaseOptions& options,
                             const std::string& drover_version) try
    : run_(run),
      durability_(options.durability),
      database_(run.database(), options),
      progress_(read_progress(database_.get())),
      was_cut_short_(was_cut_short(database_.get())),
      writer_(database_.get()),
      progress_writer_(database_.get()),
      job_log_(run.job_log()),
      events_(run.events()),
      last_at_(progress_.updated_at) {
  read_start();
  repair_files();
  begin_session(drover_version);
  database_.get().setBusyTimeout(kLockPatienceMs);
} catch (const SQLite::Exception& e) {
  throw database_error(e, "use", run.database());
}

void SqliteJournal::read_start() {
  start_ = read_snapshot(database_.get(), progress_);
  if (was_cut_short_)
    for (core::UnfinishedTask& task : start_.unfinished) ++task.num_attempts;
  completion_ = completion_of(start_);
}

void SqliteJournal::begin_session(const std::string& drover_version) {
  const core::WallMicros now = support::wall_now();
  SQLite::Transaction transaction(database_.get(), SQLite::TransactionBehavior::IMMEDIATE);
  for (const char* table : {"workers", "groups"}) {
    SQLite::Statement end(database_.get(),
                          std::string("UPDATE ") + table + " SET ended_at = ?, how = 'lost' WHERE ended_at IS NULL");
    end.bind(1, now);
    end.exec();
  }
  SQLite::Statement insert(database_.get(),
                           "INSERT INTO sessions (started_at, host, pid, drover_version, durability, file_system, "
                           "journal_mode) VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, now);
  insert.bind(2, host_name());
  insert.bind(3, ::getpid());
  insert.bind(4, drover_version);
  insert.bind(5, std::string(to_string(durability_)));
  insert.bind(6, database_.file_system());
  insert.bind(7, database_.journal_mode());
  insert.exec();
  session_ = database_.get().getLastInsertRowid();
  transaction.commit();
  append_session_started(events_.buffer(), session_, now);
  flush_files();
}

/// Both files become what they were at the last commit, and are given what that commit recorded. If one is shorter than
/// it was (the machine crashed, somebody cut it), or is another, both are written anew.
void SqliteJournal::repair_files() {
  flush_files();
  bool is_log_whole = job_log_.has_header() && job_log_.file().ends_line_at(progress_.job_log_size);
  const bool are_events_whole = events_.ends_line_at(progress_.events_size);
  if (!is_log_whole)
    set_aside_if_any(job_log_.file(), progress_.job_log_size);
  else
    is_log_whole = is_job_log_known();
  if (!are_events_whole) set_aside_if_any(events_, progress_.events_size);
  write_views(is_log_whole && are_events_whole);
  know_unfinished_commands();
}

/// No line of the job log precedes its record. Where one has none, the database is not what it was: the power failed
/// and nothing had been synced, or somebody put an older one there. The log is all that tells of these tasks.
bool SqliteJournal::is_job_log_known() {
  SQLite::Statement select(database_.get(), "SELECT 1 FROM tasks WHERE id = ? AND state <> 'unfinished'");
  std::uint64_t num_unknown = 0;
  for (const core::TaskId task : job_log_.tasks_behind(progress_.job_log_size)) {
    select.bind(1, static_cast<std::int64_t>(task.value));
    if (!select.executeStep()) ++num_unknown;
    select.reset();
  }
  if (num_unknown == 0) return true;
  const std::filesystem::path aside = job_log_.file().take_place_again();
  notes_.push_back("'" + run_.database().string() +
                   "' is older than what was done (did the power fail, was run.db-wal "
                   "removed, or a copy put in its place?): " +
                   std::to_string(num_unknown) +
                   " tasks that have ended according to joblog.tsv run again; that file is '" +
                   aside.filename().string() + "' now");
  return false;
}

/// What is as long as the file was is no remainder of it, but something else.
void SqliteJournal::set_aside_if_any(AppendFile& file, std::uint64_t known_size) {
  if (file.size() < known_size || known_size == 0) return;
  const std::filesystem::path aside = file.take_place_again();
  notes_.push_back("'" + file.path().string() +
                   "' was not what drover had written, and is made again from run.db; it is '" +
                   aside.filename().string() + "' now");
}

/// `has_all`: they have all that was recorded before the last commit.
void SqliteJournal::write_views(bool has_all) {
  events_.truncate(has_all ? progress_.events_size : 0);
  job_log_.rewind(has_all ? progress_.job_log_size : 0);
  ReplayVisitor visitor;
  visitor.fact = [this](const core::Fact& fact, core::WallMicros at) {
    append_event(events_.buffer(), fact, at);
    job_log_.apply(fact, at);
    if (events_.buffer().size() > kMostBuffered) flush_files();
  };
  visitor.context = [this](const core::Fact& fact, core::WallMicros at) { job_log_.apply(fact, at); };
  visitor.event = [this](const std::string& line) { (events_.buffer() += line) += '\n'; };
  replay_records(database_.get(), has_all ? progress_.unwritten_since : 0,
                 has_all ? progress_.first_unfinished : core::TaskId(1), visitor);
  flush_files();
}

std::filesystem::path SqliteJournal::disturbed_view() const {
  if (!job_log_.file().is_in_place()) return job_log_.file().path();
  return events_.is_in_place() ? std::filesystem::path() : events_.path();
}

void SqliteJournal::restore_views() {
  try {
    for (AppendFile* file : {&job_log_.file(), &events_})
      if (!file->is_in_place()) (void)file->take_place_again();
    job_log_.forget_all();
    write_views(false);
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "read", run_.database());
  }
}

void SqliteJournal::flush_files() {
  events_.flush();
  job_log_.file().flush();
}

void SqliteJournal::know_unfinished_commands() {
  job_log_.forget_all();
  for (const core::UnfinishedTask& task : start_.unfinished)
    job_log_.apply(core::fact::TaskAccepted{task.id, task.owner, task.spec}, 0);
}

std::uint64_t SqliteJournal::reopen(const std::string& where) {
  const core::WallMicros now = last_at_ = std::max(support::wall_now(), last_at_ + 1);
  try {
    const std::vector<core::TaskId> tasks = select_ended_tasks(database_.get(), where);
    if (tasks.empty()) return 0;
    Progress progress = progress_;
    progress.updated_at = progress.unwritten_since = now;
    progress.job_log_size = job_log_.file().size();
    progress.events_size = events_.size();
    progress.first_unfinished = std::min(completion_.first_unfinished(), tasks.front());
    SQLite::Transaction transaction(database_.get(), SQLite::TransactionBehavior::IMMEDIATE);
    reopen_tasks(database_.get(), tasks, progress.totals);
    std::string event;
    append_tasks_reopened(event, tasks, now);
    writer_.write_line(event, now);
    progress_writer_.write(progress);
    transaction.commit();
    progress_ = progress;
    events_.append(event);
    flush_files();
    read_start();
    know_unfinished_commands();
    return tasks.size();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "write", run_.database());
  }
}

void SqliteJournal::set_options(const std::vector<StoredOption>& options) {
  write_options(database_, options);
}

void SqliteJournal::continue_input(Fingerprint fingerprint) {
  progress_.is_input_ended = start_.is_input_ended = false;
  progress_.input_fingerprint = fingerprint;
}

/// A task has a lower number than those that it makes.
void SqliteJournal::leave_calls_unclaimed() {
  for (core::UnfinishedTask& task : start_.unfinished) {
    const bool is_sessions = task.owner.is_none() && task.spec.maker.is_none();
    task.is_unclaimed = task.spec.kind == core::TaskKind::function && (is_sessions || core::is_worker(task.owner));
  }
}

void SqliteJournal::read_start_again() {
  try {
    read_start();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "read", run_.database());
  }
}

void SqliteJournal::record(Turn turn) {
  // Strictly ascending, whatever is done to the clock: "recorded later" then means something.
  turn.at = last_at_ = std::max(turn.at, last_at_ + 1);
  num_waiting_facts_ += turn.facts.size();
  waiting_.push_back(std::move(turn));
}

std::vector<Turn> SqliteJournal::commit(core::Time now) {
  if (waiting_.empty()) return {};
  if (now < due_ && num_waiting_facts_ < kMostWaiting) return take_unsafe();
  const Steady::time_point began = Steady::now();
  if (!try_commit()) {
    if (!locked_since_) locked_since_ = now;
    if (now - *locked_since_ > kLockPatience) throw locked_error();
    due_ = now + kInterval;
    return take_unsafe();
  }
  locked_since_.reset();
  const core::Duration interval = durability_ == Durability::off ? kIntervalOff : kInterval;
  const core::Duration took = Steady::now() - began;
  due_ = now + std::max<core::Duration>(interval, kPartsForCommits * took);
  return take_committed();
}

void SqliteJournal::hurry() {
  if (durability_ != Durability::off && !locked_since_) due_ = core::Time{};
}

std::vector<Turn> SqliteJournal::flush() {
  const Steady::time_point deadline = Steady::now() + kLastLockPatience;
  while (!waiting_.empty() && !try_commit())
    if (Steady::now() > deadline) throw locked_error();
  locked_since_.reset();
  return take_committed();
}

std::optional<core::Time> SqliteJournal::next_commit() const {
  if (waiting_.empty()) return std::nullopt;
  return due_;
}

Error SqliteJournal::locked_error() const {
  return Error("cannot write '" + run_.database().string() +
               "': another program keeps it locked (a query that does not end, an open transaction?)");
}

/// Where locks do not reach, or their file was deleted, another master may have taken the run up.
void SqliteJournal::check_is_last_session() {
  SQLite::Statement last(database_.get(), "SELECT id, pid, host FROM sessions ORDER BY id DESC LIMIT 1");
  if (last.executeStep() && last.getColumn(0).getInt64() == session_) return;
  throw Error("the run in '" + run_.path().string() + "' has been taken up by another master (process " +
              last.getColumn(1).getString() + " on " + last.getColumn(2).getString() +
              "): this one ends without recording anything more");
}

/// One transaction with all that waits; false if another program has the database locked.
bool SqliteJournal::try_commit() {
  flush_files();  // what an earlier commit could not write there
  if (durability_ == Durability::full && sync_) sync_();
  Progress progress = progress_;
  progress.first_unfinished = completion_.first_unfinished();
  progress.job_log_size = job_log_.file().size();
  progress.events_size = events_.size();
  progress.unwritten_since = waiting_.front().at;
  try {
    SQLite::Transaction transaction(database_.get(), SQLite::TransactionBehavior::IMMEDIATE);
    check_is_last_session();
    for (const Turn& turn : waiting_) writer_.write(turn, progress);
    progress_writer_.write(progress);
    transaction.commit();
  } catch (const SQLite::Exception& e) {
    if (is_busy(e)) return false;
    throw database_error(e, "write", run_.database());
  }
  progress_ = progress;
  for (const Turn& turn : waiting_) follow(turn);
  try {
    flush_files();
  } catch (const Error&) {
    // The turns are safe all the same; the next commit says what is wrong, if it still is.
  }
  return true;
}

/// What a committed turn brings with it.
void SqliteJournal::follow(const Turn& turn) {
  for (const core::Fact& fact : turn.facts) {
    append_event(events_.buffer(), fact, turn.at);
    job_log_.apply(fact, turn.at);
    if (const auto* ended = std::get_if<core::fact::TaskEnded>(&fact)) completion_.set_ended(ended->task);
  }
}

/// With Durability::off nobody waits for a commit: those that have not been given back.
std::vector<Turn> SqliteJournal::take_unsafe() {
  if (durability_ != Durability::off) return {};
  const auto begin = waiting_.begin() + static_cast<std::ptrdiff_t>(num_given_back_);
  num_given_back_ = waiting_.size();
  return {begin, waiting_.end()};
}

/// Those of the committed turns that have not been given back.
std::vector<Turn> SqliteJournal::take_committed() {
  std::vector<Turn> turns = std::exchange(waiting_, {});
  turns.erase(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(std::exchange(num_given_back_, 0)));
  num_waiting_facts_ = 0;
  return turns;
}

void SqliteJournal::end_session(SessionEnd how, int exit_status, const std::string& reason) {
  const core::WallMicros now = std::max(support::wall_now(), last_at_ + 1);
  append_session_ended(events_.buffer(), session_, to_string(how), exit_status, reason, now);
  flush_files();
  Progress progress = progress_;
  progress.updated_at = last_at_ = progress.unwritten_since = now;
  progress.first_unfinished = completion_.first_unfinished();
  progress.job_log_size = job_log_.file().size();
  progress.events_size = events_.size();
  try {
    SQLite::Transaction transaction(database_.get(), SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement update(database_.get(),
                             "UPDATE sessions SET ended_at = ?, how = ?, exit_status = ?, reason = ? WHERE id = ?");
    update.bind(1, now);
    update.bind(2, std::string(to_string(how)));
    update.bind(3, exit_status);
    update.bind(4, reason);
    update.bind(5, session_);
    update.exec();
    progress_writer_.write(progress);
    transaction.commit();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "write", run_.database());
  }
  progress_ = progress;
}

}  // namespace drover::journal
