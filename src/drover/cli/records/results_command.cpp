#include "drover/cli/records/results_command.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "drover/cli/records/recorded_run.hpp"
#include "drover/cli/records/task_records.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kTsvHeader =
    "task\tstate\tattempt\texit\tsignal\thost\tstarted\truntime\tstdout_bytes\tstderr_bytes\ttag\tcommand\n";

/// As PostgreSQL's COPY has it: a backslash before what would break the line or a column.
void append_escaped(std::string& line, const std::string& text) {
  for (const char c : text) {
    switch (c) {
      case '\t':
        line += "\\t";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\\':
        line += "\\\\";
        break;
      default:
        line += c;
    }
  }
}

/// The command with `slot` where the number of the job slot goes.
std::string command_text(const TaskRecord& record, const std::string& slot) {
  return record.is_command ? core::with_job_slot(record.payload, record.slot_marks, slot) : "";
}

std::string tsv(const TaskRecord& record) {
  std::string line = std::to_string(record.task.value) + "\t" + record.state + "\t";
  if (record.attempt == 0) {
    line += "\t\t\t\t\t\t\t\t";
  } else {
    std::array<char, 128> numbers{};
    std::snprintf(numbers.data(), numbers.size(), "%u\t%d\t%d\t", record.attempt, record.exit, record.signal);
    line += numbers.data() + record.host;
    std::snprintf(numbers.data(), numbers.size(), "\t%.3f\t%.3f\t%llu\t%llu\t", record.started_at, record.runtime,
                  static_cast<unsigned long long>(record.stdout_bytes),
                  static_cast<unsigned long long>(record.stderr_bytes));
    line += numbers.data();
  }
  append_escaped(line, record.tag);
  line += '\t';
  append_escaped(line, command_text(record, "{%}"));
  return line + '\n';
}

std::string json(const TaskRecord& record) {
  nlohmann::ordered_json object{{"task", record.task.value}, {"owner", record.owner.value}, {"state", record.state}};
  if (record.is_command) object["command"] = command_text(record, "{%}");
  if (!record.tag.empty()) object["tag"] = record.tag;
  object["ended"] = record.ended_at;
  if (record.attempt > 0) {
    object["attempt"] = record.attempt;
    object["exit"] = record.exit;
    object["signal"] = record.signal;
    object["host"] = record.host;
    object["started"] = record.started_at;
    object["runtime"] = record.runtime;
    object["stdout_bytes"] = record.stdout_bytes;
    object["stderr_bytes"] = record.stderr_bytes;
  }
  if (!record.reason.empty()) object["reason"] = record.reason;
  if (!record.stderr_tail.empty()) object["stderr_tail"] = record.stderr_tail;
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// A script that runs the commands again, one after the other.
std::string sh(const TaskRecord& record) {
  return record.is_command ? command_text(record, "${PARALLEL_JOBSLOT:-1}") + "\n" : "";
}

}  // namespace

CLI::App* declare_results(CLI::App& app, ResultsOptions& options) {
  CLI::App* results = app.add_subcommand("results", "List what became of the tasks of a run, also while it goes on");
  results->add_option("run", options.run, "Directory or name of the run; default: the latest here")->type_name("DIR");
  results->add_flag("--failed", options.only_failed, "Only those that did not succeed");
  const std::map<std::string, ResultsOptions::Format> formats{
      {"tsv", ResultsOptions::Format::tsv}, {"json", ResultsOptions::Format::json}, {"sh", ResultsOptions::Format::sh}};
  results
      ->add_option("--format", options.format,
                   "tsv: a table with a header; json: an object a line; sh: a script of the commands")
      ->transform(CLI::CheckedTransformer(formats))
      ->type_name("tsv|json|sh");
  results->footer(
      "More can be asked of the run's database itself, as in:\n"
      "  sqlite3 RUN/run.db \"SELECT host, count(*), avg(runtime) FROM tasks WHERE state = 'failed' GROUP BY host\"");
  return results;
}

int run_results(const ResultsOptions& options) {
  const journal::RunDirectory run = choose_recorded_run(options.run);
  std::string text = options.format == ResultsOptions::Format::tsv  ? kTsvHeader
                     : options.format == ResultsOptions::Format::sh ? "#!/bin/sh\n"
                                                                    : "";
  const auto print = [](const std::string& line) {
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size();
  };
  bool is_printed = print(text);
  for_each_record(run, options.only_failed, [&](const TaskRecord& record) {
    is_printed = is_printed && print(options.format == ResultsOptions::Format::tsv    ? tsv(record)
                                     : options.format == ResultsOptions::Format::json ? json(record)
                                                                                      : sh(record));
    return is_printed;
  });
  if (std::fflush(stdout) != 0 || !is_printed) throw system_error("cannot print", errno);
  return 0;
}

}  // namespace drover::cli
