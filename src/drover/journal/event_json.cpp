#include "drover/journal/event_json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <variant>

#include "drover/core/outcome.hpp"
#include "drover/journal/number_text.hpp"

namespace drover::journal {

namespace {

/// Appends `,"key":value` to an object that has been opened. Formatting by hand is several times as
/// fast as building a document first.
class Fields {
 public:
  explicit Fields(std::string& line) : line_(line) {}

  void number(std::string_view key, std::integral auto value) {
    begin(key);
    append_number(line_, value);
  }
  void seconds(std::string_view key, core::WallMicros micros) {
    begin(key);
    append_decimal(line_, micros, 6);
  }
  void seconds(std::string_view key, core::Duration duration) {
    seconds(key, std::chrono::floor<std::chrono::microseconds>(duration).count());
  }
  void fraction(std::string_view key, double value) {
    begin(key);
    append_decimal(line_, static_cast<std::int64_t>(std::lround(value * 10'000)), 4);
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    line_ += value ? "true" : "false";
  }
  void text(std::string_view key, std::string_view value) {
    begin(key);
    if (std::all_of(value.begin(), value.end(), is_plain)) {
      ((line_ += '"') += value) += '"';
    } else {
      line_ += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  void text_if_any(std::string_view key, std::string_view value) {
    if (!value.empty()) text(key, value);
  }
  void attempt(const core::AttemptId& attempt) {
    number("task", attempt.task.value);
    number("attempt", attempt.n);
  }

 private:
  static bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
  void begin(std::string_view key) { ((line_ += ",\"") += key) += "\":"; }

  std::string& line_;
};

struct EventWriter {
  std::string& line;
  core::WallMicros now;

  Fields begin(std::string_view event) const {
    line += "{\"t\":";
    append_decimal(line, now, 6);
    Fields fields(line);
    fields.text("event", event);
    return fields;
  }

  void operator()(const core::fact::TaskAccepted& fact) const {
    Fields fields = begin("task_accepted");
    const bool is_command = fact.spec.kind == core::TaskKind::command;
    fields.number("task", fact.task.value);
    fields.number("owner", fact.owner.value);
    fields.text("kind", is_command ? "command" : "function");
    if (is_command) fields.text("command", fact.spec.payload);
    fields.text_if_any("tag", fact.spec.tag);
    if (!fact.spec.maker.is_none()) fields.number("maker", fact.spec.maker.value);
  }
  void operator()(const core::fact::TaskClaimed& fact) const {
    Fields fields = begin("task_claimed");
    fields.number("task", fact.task.value);
    fields.number("owner", fact.owner.value);
  }
  void operator()(const core::fact::InputEnded&) const { begin("input_ended"); }
  void operator()(const core::fact::GroupFormed& fact) const {
    Fields fields = begin("group_formed");
    fields.number("group", fact.group.value);
    fields.text("source", core::to_string(fact.source));
    fields.number("first_worker", fact.first_worker.value);
    fields.number("population", fact.population);
    fields.text_if_any("hosts", fact.hosts);
  }
  void operator()(const core::fact::GroupEnded& fact) const {
    Fields fields = begin("group_ended");
    fields.number("group", fact.group.value);
    fields.text("how", core::to_string(fact.how));
  }
  void operator()(const core::fact::GrowthRequested& fact) const {
    Fields fields = begin("growth_requested");
    fields.number("population", fact.population);
    fields.text("reason", fact.reason);
  }
  void operator()(const core::fact::GrowthFailed& fact) const { begin("growth_failed").text("reason", fact.reason); }
  void operator()(const core::fact::HostQuarantined& fact) const {
    Fields fields = begin("host_quarantined");
    fields.text("host", fact.host);
    fields.text("reason", fact.reason);
  }
  void operator()(const core::fact::WorkerJoined& fact) const {
    Fields fields = begin("worker_joined");
    fields.number("worker", fact.worker.value);
    fields.number("group", fact.group.value);
    fields.text("host", fact.host);
    fields.number("pid", fact.pid);
    fields.number("slots", fact.num_slots);
    fields.number("first_job_slot", fact.first_job_slot);
  }
  void operator()(const core::fact::WorkerEnded& fact) const {
    Fields fields = begin("worker_ended");
    fields.number("worker", fact.worker.value);
    fields.text("how", core::to_string(fact.how));
    fields.text("reason", fact.reason);
  }
  void operator()(const core::fact::WorkerDraining& fact) const {
    begin("worker_draining").number("worker", fact.worker.value);
  }
  void operator()(const core::fact::AttemptDispatched& fact) const {
    Fields fields = begin("attempt_dispatched");
    fields.attempt(fact.attempt);
    fields.number("worker", fact.worker.value);
  }
  void operator()(const core::fact::AttemptStarted& fact) const { begin("attempt_started").attempt(fact.attempt); }
  void operator()(const core::fact::AttemptEnded& fact) const {
    const core::AttemptResult& result = fact.result;
    Fields fields = begin("attempt_ended");
    fields.attempt(result.attempt);
    fields.number("worker", fact.worker.value);
    fields.text("outcome", core::outcome_name(result.outcome));
    fields.number("exit", core::exit_value(result.outcome));
    fields.number("signal", core::signal_value(result.outcome));
    if (const auto* failure = std::get_if<core::NotStarted>(&result.outcome)) fields.text("reason", failure->reason);
    if (const auto* threw = std::get_if<core::Threw>(&result.outcome)) {
      fields.text_if_any("exception", threw->type);
      fields.text("reason", threw->text);
    }
    fields.seconds("started", result.started_at);
    fields.seconds("runtime", result.runtime);
    fields.seconds("cpu_time", result.cpu_time);
    fields.number("max_rss_kib", result.max_rss_kib);
    fields.number("stdout_bytes", result.stdout_bytes);
    fields.number("stderr_bytes", result.stderr_bytes);
    fields.text_if_any("stderr_tail", result.stderr_tail);
  }
  void operator()(const core::fact::AttemptSuperseded& fact) const {
    Fields fields = begin("attempt_superseded");
    fields.attempt(fact.attempt);
    fields.number("worker", fact.worker.value);
  }
  void operator()(const core::fact::AttemptHandedBack& fact) const {
    begin("attempt_handed_back").attempt(fact.attempt);
  }
  void operator()(const core::fact::AttemptLost& fact) const {
    Fields fields = begin("attempt_lost");
    fields.attempt(fact.attempt);
    fields.number("worker", fact.worker.value);
    fields.flag("charged", fact.charged);
  }
  void operator()(const core::fact::TaskDelayed& fact) const { begin("task_delayed").number("task", fact.task.value); }
  void operator()(const core::fact::TaskCancelRequested& fact) const {
    begin("task_cancel_requested").number("task", fact.task.value);
  }
  void operator()(const core::fact::TaskEnded& fact) const {
    Fields fields = begin("task_ended");
    fields.number("task", fact.task.value);
    fields.number("owner", fact.owner.value);
    fields.text("how", core::to_string(fact.how));
  }
  void operator()(const core::fact::DispatchStopped& fact) const {
    Fields fields = begin("dispatch_stopped");
    fields.text("reason", core::to_string(fact.reason));
    fields.flag("kill", fact.kill);
  }
};

}  // namespace

void append_event(std::string& lines, const core::Fact& fact, core::WallMicros now) {
  std::visit(EventWriter{lines, now}, fact);
  lines += "}\n";
}

void append_task_progress(std::string& lines, const core::AttemptId& attempt, double fraction, std::string_view text,
                          core::WallMicros now) {
  Fields fields = EventWriter{lines, now}.begin("task_progress");
  fields.attempt(attempt);
  fields.fraction("fraction", fraction);
  fields.text_if_any("text", text);
  lines += "}\n";
}

void append_session_started(std::string& lines, std::int64_t session, core::WallMicros now) {
  EventWriter{lines, now}.begin("session_started").number("session", session);
  lines += "}\n";
}

void append_session_ended(std::string& lines, std::int64_t session, std::string_view how, int exit_status,
                          std::string_view reason, core::WallMicros now) {
  Fields fields = EventWriter{lines, now}.begin("session_ended");
  fields.number("session", session);
  fields.text("how", how);
  fields.number("exit_status", exit_status);
  fields.text_if_any("reason", reason);
  lines += "}\n";
}

void append_tasks_reopened(std::string& lines, const std::vector<core::TaskId>& tasks, core::WallMicros now) {
  EventWriter{lines, now}.begin("tasks_reopened");
  lines += ",\"tasks\":[";
  for (const core::TaskId task : tasks) {
    append_number(lines, task.value);
    lines += ',';
  }
  if (!tasks.empty()) lines.pop_back();
  lines += "]}\n";
}

}  // namespace drover::journal
