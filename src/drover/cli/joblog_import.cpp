#include "drover/cli/joblog_import.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string_view>

#include "drover/cli/input/resumed_input.hpp"
#include "drover/journal/job_log.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::size_t kMostInPull = 4096;
constexpr std::size_t kNumColumns = 9;
enum Column : std::size_t { seq, host, start_time, job_runtime, send, receive, exit_value, signal, command };

std::optional<std::array<std::string_view, kNumColumns>> split(std::string_view line) {
  std::array<std::string_view, kNumColumns> columns;
  for (std::size_t i = 0; i + 1 < kNumColumns; ++i) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return std::nullopt;
    columns.at(i) = line.substr(0, tab);
    line.remove_prefix(tab + 1);
  }
  columns.at(command) = line;  // may contain tabs
  return columns;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

constexpr std::int64_t kMostRuntime = std::chrono::floor<std::chrono::microseconds>(support::kLongestDuration).count();

/// As microseconds: whatever number a log has, one that fits.
std::int64_t parse_seconds(std::string_view text) {
  constexpr double kMost = 1e11;
  const double seconds = std::strtod(std::string(text).c_str(), nullptr);
  return seconds >= 0 && seconds <= kMost ? std::llround(seconds * 1e6) : 0;
}

void take_line(ImportedJobLog& log, std::string_view text, std::uint64_t line_number) {
  const auto columns = split(text);
  const auto number = columns ? parse_number(columns->at(seq)) : std::nullopt;
  const auto exit = columns ? parse_number(columns->at(exit_value)) : std::nullopt;
  const auto signal_number = columns ? parse_number(columns->at(signal)) : std::nullopt;
  if (!number || *number < 1 || !exit || !signal_number)
    throw UsageError("'" + log.path + "' line " + std::to_string(line_number) +
                     " is no line of a job log; expected Seq Host Starttime JobRuntime Send Receive Exitval Signal "
                     "Command, separated by tabs");
  ImportedJobLog::Line line;
  line.command_hash = std::hash<std::string_view>()(columns->at(command));
  line.has_succeeded = *exit == 0 && *signal_number == 0;
  line.started_at = parse_seconds(columns->at(start_time));
  line.runtime = std::chrono::microseconds(std::min(parse_seconds(columns->at(job_runtime)), kMostRuntime));
  line.stdout_bytes = static_cast<std::uint64_t>(parse_number(columns->at(receive)).value_or(0));
  line.line_number = line_number;
  const auto seq_number = static_cast<std::uint64_t>(*number);
  log.lines[seq_number] = line;
  log.highest = std::max(log.highest, seq_number);
}

core::Fact succeeded_attempt(core::TaskId task, const ImportedJobLog::Line& line) {
  core::AttemptResult result;
  result.attempt = {task, 1};
  result.outcome = core::Exited{0};
  result.started_at = line.started_at;
  result.runtime = line.runtime;
  result.stdout_bytes = line.stdout_bytes;
  return core::fact::AttemptEnded{std::move(result), core::WorkerId(0)};
}

}  // namespace

ImportedJobLog read_job_log(const std::string& path) {
  ImportedJobLog log{path, {}, 0};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError(system_error("cannot read the job log '" + path + "'", errno).what());
  std::string text;
  for (std::uint64_t line = 1; std::getline(file, text); ++line)
    if (!(line == 1 && text.starts_with("Seq\t"))) take_line(log, text, line);
  if (file.bad()) throw UsageError("cannot read the job log '" + path + "'");
  return log;
}

std::string import_job_log(const ImportedJobLog& log, ChangedInput changed_input,
                           std::unique_ptr<runtime::TaskSource>& source, journal::SqliteJournal& journal) {
  std::uint64_t num_tasks = 0;
  std::uint64_t num_succeeded = 0;
  bool is_at_end = false;
  while (num_tasks < log.highest && !is_at_end) {
    runtime::TaskSource::Batch batch =
        pull_waiting(*source, std::min<std::uint64_t>(log.highest - num_tasks, kMostInPull));
    is_at_end = batch.state == runtime::TaskSource::State::end;
    journal::Turn turn;
    for (core::TaskSpec& spec : batch.tasks) {
      const core::TaskId task(++num_tasks);
      const auto line = log.lines.find(task.value);
      const std::string text = journal::job_log_command(spec);
      turn.facts.emplace_back(core::fact::TaskAccepted{task, core::OwnerId(0), std::move(spec)});
      if (line == log.lines.end()) continue;
      if (changed_input != ChangedInput::follow && std::hash<std::string_view>()(text) != line->second.command_hash)
        throw Error("task " + std::to_string(task.value) + " is '" + text + "', and another command in '" + log.path +
                    "' line " + std::to_string(line->second.line_number) +
                    "; if it is the same task in other words: --changed-input follow");
      if (!line->second.has_succeeded) continue;
      ++num_succeeded;
      turn.facts.push_back(succeeded_attempt(task, line->second));
      turn.facts.emplace_back(core::fact::TaskEnded{task, core::OwnerId(0), core::TaskEnd::succeeded});
    }
    if (!turn.facts.empty()) journal.record(std::move(turn));
    (void)journal.flush();
  }
  if (is_at_end) source = std::make_unique<EmptySource>();
  journal.read_start_again();
  return std::to_string(num_succeeded) + " tasks had succeeded according to " + log.path;
}

}  // namespace drover::cli
