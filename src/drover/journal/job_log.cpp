#include "drover/journal/job_log.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <utility>

#include "drover/core/outcome.hpp"
#include "drover/journal/number_text.hpp"

namespace drover::journal {

namespace {

constexpr std::string_view kHeader = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
constexpr std::size_t kRuntimeWidth = 10;

void append_runtime(std::string& line, core::Duration runtime) {
  std::string text;
  append_decimal(text, std::chrono::floor<std::chrono::milliseconds>(runtime).count(), 3);
  line.append(kRuntimeWidth - std::min(kRuntimeWidth, text.size()), ' ').append(text);
}

}  // namespace

std::string job_log_command(const core::TaskSpec& spec) {
  if (spec.kind == core::TaskKind::function) return spec.tag.empty() ? "(function)" : spec.tag;
  std::string text = core::with_job_slot(spec.payload, spec.slot_marks, "{%}");
  std::replace(text.begin(), text.end(), '\n', '\0');
  return text;
}

JobLog::JobLog(const std::filesystem::path& path) : file_(path) {
  file_.drop_torn_line();
  if (file_.size() == 0) file_.append(kHeader);
}

bool JobLog::has_header() const {
  std::ifstream file(file_.path(), std::ios::binary);
  std::string header(kHeader.size(), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  return header == kHeader;
}

std::vector<core::TaskId> JobLog::tasks_behind(std::uint64_t size) const {
  std::vector<core::TaskId> tasks;
  std::ifstream file(file_.path(), std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::max<std::uint64_t>(size, kHeader.size())));
  for (std::string line; std::getline(file, line) && !file.eof();) {
    std::uint64_t task = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), task).ec == std::errc()) tasks.emplace_back(task);
  }
  return tasks;
}

void JobLog::rewind(std::uint64_t size) {
  file_.truncate(size);
  if (size == 0) file_.append(kHeader);
}

void JobLog::forget_all() {
  commands_.clear();
  attempts_.clear();
  hosts_.clear();
}

void JobLog::apply(const core::Fact& fact, core::WallMicros now) {
  if (const auto* accepted = std::get_if<core::fact::TaskAccepted>(&fact)) {
    remember(*accepted);
  } else if (const auto* attempt_ended = std::get_if<core::fact::AttemptEnded>(&fact)) {
    remember(*attempt_ended);
  } else if (const auto* ended = std::get_if<core::fact::TaskEnded>(&fact)) {
    write(*ended, now);
  } else if (const auto* joined = std::get_if<core::fact::WorkerJoined>(&fact)) {
    hosts_[joined->worker] = joined->host.empty() ? "-" : joined->host;
  } else if (const auto* gone = std::get_if<core::fact::WorkerEnded>(&fact)) {
    hosts_.erase(gone->worker);
  }
}

void JobLog::remember(const core::fact::TaskAccepted& fact) {
  if (!fact.owner.is_none()) return;
  commands_[fact.task] = job_log_command(fact.spec);
}

void JobLog::remember(const core::fact::AttemptEnded& fact) {
  const core::AttemptResult& result = fact.result;
  if (!commands_.contains(result.attempt.task)) return;
  const auto host = hosts_.find(fact.worker);
  attempts_[result.attempt.task] = {.host = host == hosts_.end() ? "-" : host->second,
                                    .started_at = result.started_at,
                                    .runtime = result.runtime,
                                    .stdout_bytes = result.stdout_bytes,
                                    .exit_value = core::exit_value(result.outcome),
                                    .signal = core::signal_value(result.outcome)};
}

void JobLog::write(const core::fact::TaskEnded& fact, core::WallMicros now) {
  if (!fact.owner.is_none()) return;
  const LastAttempt none{.host = "-", .started_at = now, .exit_value = -1};
  const auto attempt = attempts_.extract(fact.task);
  const LastAttempt& last = attempt ? attempt.mapped() : none;
  const auto command = commands_.extract(fact.task);

  std::string& line = file_.buffer();
  append_number(line, fact.task.value);
  (((line += '\t') += last.host) += '\t');
  append_decimal(line, last.started_at / 1000, 3);
  line += '\t';
  append_runtime(line, last.runtime);
  line += "\t0\t";
  append_number(line, last.stdout_bytes);
  line += '\t';
  append_number(line, last.exit_value);
  line += '\t';
  append_number(line, last.signal);
  line += '\t';
  if (command) line += command.mapped();
  line += '\n';
}

}  // namespace drover::journal
