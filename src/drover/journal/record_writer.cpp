// An attempt that ends its task has both said in one row: the two facts follow each other in a turn.

#include "drover/journal/record_writer.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <variant>

#include "drover/journal/event_json.hpp"
#include "drover/journal/row_codec.hpp"
#include "drover/support/error.hpp"

namespace drover::journal {

namespace {

using namespace core;

constexpr std::size_t kMostBlob = 1'000'000'000;  // SQLITE_MAX_LENGTH

/// The parameters of a statement, bound from the first on; then the statement is run.
class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) { (void)statement_.tryReset(); }

  Binder& number(std::integral auto value) {
    statement_.bind(++index_, static_cast<std::int64_t>(value));
    return *this;
  }
  Binder& number_if_any(std::integral auto value) { return value == 0 ? null() : number(value); }
  Binder& micros(Duration duration) { return number(std::chrono::floor<std::chrono::microseconds>(duration).count()); }
  /// Must live until run().
  Binder& blob(std::string_view bytes) {
    // Tasks and results are measured where they come in (core/limits.hpp).
    if (bytes.size() > kMostBlob) throw Error("cannot record " + std::to_string(bytes.size()) + " bytes in one piece");
    statement_.bindNoCopy(++index_, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
    return *this;
  }
  Binder& blob_if_any(std::string_view bytes) { return bytes.empty() ? null() : blob(bytes); }
  Binder& text(std::string_view value) {
    statement_.bind(++index_, std::string(value));
    return *this;
  }
  Binder& text_if_any(std::string_view value) { return value.empty() ? null() : text(value); }
  Binder& null() {
    statement_.bind(++index_);
    return *this;
  }
  void run() {
    statement_.exec();
    (void)statement_.tryReset();
  }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

/// Whether `next` is the end of the task that `fact`'s attempt brought about.
std::optional<TaskEnd> end_brought_about(const fact::AttemptEnded& fact, const Fact* next) {
  const auto* ended = next != nullptr ? std::get_if<fact::TaskEnded>(next) : nullptr;
  if (ended == nullptr || ended->task != fact.result.attempt.task || ended->how > TaskEnd::timed_out)
    return std::nullopt;
  return ended->how;
}

/// Those that happen for each task would double the journal.
bool is_rare(const Fact& fact) {
  using namespace core::fact;
  return !(std::holds_alternative<TaskAccepted>(fact) || std::holds_alternative<TaskClaimed>(fact) ||
           std::holds_alternative<AttemptDispatched>(fact) || std::holds_alternative<AttemptStarted>(fact) ||
           std::holds_alternative<AttemptEnded>(fact) || std::holds_alternative<AttemptHandedBack>(fact) ||
           std::holds_alternative<AttemptLost>(fact) || std::holds_alternative<TaskDelayed>(fact) ||
           std::holds_alternative<TaskEnded>(fact));
}

void count_end(TaskEnd how, Counts& totals) {
  switch (how) {
    case TaskEnd::succeeded:
      ++totals.succeeded;
      break;
    case TaskEnd::failed:
      ++totals.failed;
      break;
    case TaskEnd::timed_out:
      ++totals.timed_out;
      break;
    case TaskEnd::cancelled:
      ++totals.cancelled;
      break;
    case TaskEnd::quarantined:
      ++totals.quarantined;
      break;
  }
}

}  // namespace

RecordWriter::RecordWriter(SQLite::Database& database)
    : insert_task_(database,
                   "INSERT INTO task_rows (id, owner, kind, payload, slot_marks, tag, priority, depth, timeout, "
                   "maker, accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      insert_attempt_(database,
                      "INSERT INTO attempt_rows (task, n, worker, outcome, code, reason, started_at, runtime, "
                      "cpu_time, max_rss_kib, stdout_bytes, stderr_bytes, stderr_tail, value, recorded_at, task_end) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      end_task_(database, "UPDATE task_rows SET task_end = ?, ended_at = ? WHERE id = ?"),
      use_up_attempt_(database, "UPDATE task_rows SET last_attempt = ? WHERE id = ?"),
      cancel_task_(database, "UPDATE task_rows SET cancel_requested = 1 WHERE id = ?"),
      insert_worker_(database,
                     "INSERT INTO workers (id, group_id, host, pid, slots, first_job_slot, joined_at) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?)"),
      end_worker_(database, "UPDATE workers SET ended_at = ?, how = ?, reason = ? WHERE id = ?"),
      insert_group_(database,
                    "INSERT INTO groups (id, source, first_worker, population, hosts, formed_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)"),
      end_group_(database, "UPDATE groups SET ended_at = ?, how = ? WHERE id = ?"),
      insert_event_(database, "INSERT INTO events (at, event, fields) VALUES (?, json_extract(?2, '$.event'), ?2)") {}

void RecordWriter::write(const Turn& turn, Progress& progress) {
  const Context context{turn.at, progress};
  progress.updated_at = turn.at;
  for (std::size_t i = 0; i < turn.facts.size(); ++i) {
    const Fact& fact = turn.facts[i];
    if (const auto* ended = std::get_if<fact::AttemptEnded>(&fact)) {
      const auto end = end_brought_about(*ended, i + 1 < turn.facts.size() ? &turn.facts[i + 1] : nullptr);
      write_attempt(*ended, end, context);
      if (!end) continue;
      count_end(*end, progress.totals);
      ++i;
    } else {
      std::visit([&](const auto& f) { write(f, context); }, fact);
      if (is_rare(fact)) write_event(fact, turn.at);
    }
  }
}

void RecordWriter::write(const fact::TaskAccepted& fact, const Context& context) {
  const std::string marks = encode_slot_marks(fact.spec.slot_marks);
  Binder(insert_task_)
      .number(fact.task.value)
      .number(fact.owner.value)
      .number(static_cast<int>(fact.spec.kind))
      .blob(fact.spec.payload)
      .blob_if_any(marks)
      .blob_if_any(fact.spec.tag)
      .number(fact.spec.priority)
      .number(fact.spec.depth)
      .micros(fact.spec.timeout)
      .number_if_any(fact.spec.maker.value)
      .number(context.at)
      .run();
  Progress& progress = context.progress;
  progress.totals.accepted = std::max(progress.totals.accepted, fact.task.value);
  if (!is_worker(fact.owner)) progress.next_owner = std::max(progress.next_owner, OwnerId(fact.owner.value + 1));
  if (!fact.owner.is_none()) return;
  ++progress.num_input_tasks;
  progress.input_fingerprint.add(fact.spec);
}

void RecordWriter::write(const fact::InputEnded&, const Context& context) {
  context.progress.is_input_ended = true;
}

void RecordWriter::write(const fact::GroupFormed& fact, const Context& context) {
  Binder(insert_group_)
      .number(fact.group.value)
      .text(to_string(fact.source))
      .number(fact.first_worker.value)
      .number(fact.population)
      .text(fact.hosts)
      .number(context.at)
      .run();
  context.progress.next_group = GroupId(fact.group.value + 1);
  context.progress.next_worker = WorkerId(fact.first_worker.value + fact.population);
}

void RecordWriter::write(const fact::GroupEnded& fact, const Context& context) {
  Binder(end_group_).number(context.at).text(to_string(fact.how)).number(fact.group.value).run();
}

void RecordWriter::write(const fact::WorkerJoined& fact, const Context& context) {
  Binder(insert_worker_)
      .number(fact.worker.value)
      .number(fact.group.value)
      .text(fact.host)
      .number(fact.pid)
      .number(fact.num_slots)
      .number(fact.first_job_slot)
      .number(context.at)
      .run();
  ++context.progress.totals.workers_joined;
}

void RecordWriter::write(const fact::WorkerEnded& fact, const Context& context) {
  Binder(end_worker_)
      .number(context.at)
      .text(to_string(fact.how))
      .text_if_any(fact.reason)
      .number(fact.worker.value)
      .run();
  if (fact.how == WorkerEnd::lost) ++context.progress.totals.workers_lost;
}

void RecordWriter::write(const fact::AttemptSuperseded&, const Context& context) {
  ++context.progress.totals.superseded;
}

void RecordWriter::write(const fact::AttemptHandedBack& fact, const Context&) {
  Binder(use_up_attempt_).number(fact.attempt.n).number(fact.attempt.task.value).run();
}

void RecordWriter::write(const fact::AttemptLost& fact, const Context& context) {
  Binder binder(insert_attempt_);
  binder.number(fact.attempt.task.value).number(fact.attempt.n).number(fact.worker.value);
  binder.number(kLostOutcome).number(fact.charged ? 1 : 0).null();
  for (int i = 0; i < 6; ++i) binder.number(0);
  binder.null().null().number(context.at).null().run();
  ++context.progress.totals.lost_attempts;
}

void RecordWriter::write(const fact::TaskCancelRequested& fact, const Context&) {
  Binder(cancel_task_).number(fact.task.value).run();
}

void RecordWriter::write(const fact::TaskEnded& fact, const Context& context) {
  Binder(end_task_).number(static_cast<int>(fact.how)).number(context.at).number(fact.task.value).run();
  count_end(fact.how, context.progress.totals);
}

void RecordWriter::write_attempt(const fact::AttemptEnded& fact, std::optional<TaskEnd> end, const Context& context) {
  const AttemptResult& result = fact.result;
  const OutcomeColumns outcome = encode_outcome(result.outcome);
  Binder binder(insert_attempt_);
  binder.number(result.attempt.task.value)
      .number(result.attempt.n)
      .number(fact.worker.value)
      .number(outcome.outcome)
      .number(outcome.code)
      .text_if_any(outcome.reason)
      .number(result.started_at)
      .micros(result.runtime)
      .micros(result.cpu_time)
      .number(result.max_rss_kib)
      .number(result.stdout_bytes)
      .number(result.stderr_bytes)
      .blob_if_any(result.stderr_tail)
      .blob_if_any(result.value)
      .number(context.at);
  if (end)
    binder.number(static_cast<int>(*end));
  else
    binder.null();
  binder.run();
}

void RecordWriter::write_event(const Fact& fact, WallMicros at) {
  text_.clear();
  append_event(text_, fact, at);
  write_line(std::move(text_), at);
}

void RecordWriter::write_line(std::string line, WallMicros at) {
  line.pop_back();  // the newline
  Binder(insert_event_).number(at).text(line).run();
}

}  // namespace drover::journal
