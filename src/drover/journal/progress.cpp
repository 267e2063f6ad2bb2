#include "drover/journal/progress.hpp"

namespace drover::journal {

namespace {

constexpr const char* kSelect = R"sql(
SELECT updated_at, accepted, succeeded, failed, timed_out, cancelled, quarantined, superseded, lost_attempts,
  workers_joined, workers_lost, input_ended, input_tasks, input_fingerprint, next_worker, next_group, next_owner, first_unfinished,
  job_log_size, events_size, unwritten_since
FROM progress)sql";

constexpr const char* kUpdate = R"sql(
UPDATE progress SET updated_at = ?, accepted = ?, succeeded = ?, failed = ?, timed_out = ?, cancelled = ?,
  quarantined = ?, superseded = ?, lost_attempts = ?, workers_joined = ?, workers_lost = ?, input_ended = ?,
  input_tasks = ?, input_fingerprint = ?, next_worker = ?, next_group = ?, next_owner = ?, first_unfinished = ?, job_log_size = ?,
  events_size = ?, unwritten_since = ?)sql";

}  // namespace

Progress read_progress(SQLite::Database& database) {
  SQLite::Statement select(database, kSelect);
  if (!select.executeStep()) return {};
  int column = 0;
  const auto next = [&] { return select.getColumn(column++).getInt64(); };
  const auto next_count = [&] { return static_cast<std::uint64_t>(next()); };
  Progress progress;
  progress.updated_at = next();
  core::Counts& totals = progress.totals;
  for (std::uint64_t* count :
       {&totals.accepted, &totals.succeeded, &totals.failed, &totals.timed_out, &totals.cancelled, &totals.quarantined,
        &totals.superseded, &totals.lost_attempts, &totals.workers_joined, &totals.workers_lost})
    *count = next_count();
  progress.is_input_ended = next() != 0;
  progress.num_input_tasks = next_count();
  progress.input_fingerprint = Fingerprint(next_count());
  progress.next_worker = core::WorkerId(static_cast<std::uint32_t>(next()));
  progress.next_group = core::GroupId(static_cast<std::uint32_t>(next()));
  progress.next_owner = core::OwnerId(static_cast<std::uint32_t>(next()));
  progress.first_unfinished = core::TaskId(next_count());
  progress.job_log_size = next_count();
  progress.events_size = next_count();
  progress.unwritten_since = next();
  return progress;
}

ProgressWriter::ProgressWriter(SQLite::Database& database) : update_(database, kUpdate) {}

void ProgressWriter::write(const Progress& progress) {
  (void)update_.tryReset();
  int parameter = 0;
  const auto bind = [&](std::int64_t value) { update_.bind(++parameter, value); };
  const auto bind_count = [&](std::uint64_t value) { bind(static_cast<std::int64_t>(value)); };
  bind(progress.updated_at);
  const core::Counts& totals = progress.totals;
  for (const std::uint64_t count :
       {totals.accepted, totals.succeeded, totals.failed, totals.timed_out, totals.cancelled, totals.quarantined,
        totals.superseded, totals.lost_attempts, totals.workers_joined, totals.workers_lost})
    bind_count(count);
  bind(progress.is_input_ended ? 1 : 0);
  bind_count(progress.num_input_tasks);
  bind_count(progress.input_fingerprint.value());
  bind_count(progress.next_worker.value);
  bind_count(progress.next_group.value);
  bind_count(progress.next_owner.value);
  bind_count(progress.first_unfinished.value);
  bind_count(progress.job_log_size);
  bind_count(progress.events_size);
  bind(progress.unwritten_since);
  update_.exec();
  (void)update_.tryReset();
}

}  // namespace drover::journal
