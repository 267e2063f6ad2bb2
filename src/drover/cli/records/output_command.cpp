#include "drover/cli/records/output_command.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "drover/cli/client/number_ranges.hpp"
#include "drover/cli/records/recorded_run.hpp"
#include "drover/journal/ended_tasks.hpp"
#include "drover/journal/output_check.hpp"
#include "drover/journal/output_reader.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

void print(const journal::OutputReader& reader, const journal::EndedTask& task, core::Stream stream) {
  std::FILE* const to = stream == core::Stream::out ? stdout : stderr;
  reader.read(task.attempt.task, stream, task.output.of(stream), [to](std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), to) != bytes.size()) throw system_error("cannot print", errno);
    return true;
  });
  if (std::fflush(to) != 0) throw system_error("cannot print", errno);
}

}  // namespace

CLI::App* declare_output(CLI::App& app, OutputOptions& options) {
  CLI::App* output = app.add_subcommand("output", "Print what tasks wrote, also while the run goes on");
  output->add_option("task", options.tasks, "Numbers of tasks, as 7, 5-9 or 1,4-6; default: all that have ended")
      ->type_name("TASK");
  output->add_option("--run", options.run, "Directory or name of the run; default: the latest here")->type_name("DIR");
  return output;
}

int run_output(const OutputOptions& options) {
  std::vector<control::TaskRange> ranges;
  for (const std::string& text : options.tasks)
    for (const control::TaskRange& range : parse_task_ranges(text)) ranges.push_back(range);
  const journal::RunDirectory run = choose_recorded_run(options.run);
  const OutputPlace place = output_place(run, read_run(run).description);
  const journal::OutputReader reader(place.directory, place.layout);
  const auto is_wanted = [&ranges](core::TaskId task) {
    return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [task](const control::TaskRange& range) {
             return range.first <= task && task <= range.last;
           });
  };
  core::TaskId first = ranges.empty() ? core::TaskId(1) : ranges.front().first;
  core::TaskId last;
  for (const control::TaskRange& range : ranges) {
    first = std::min(first, range.first);
    last = std::max(last, range.last);
  }
  std::uint64_t num_printed = 0;
  journal::LostOutputs lost;
  journal::for_each_ended(run, place.directory, first, [&](const journal::EndedTask& task) {
    if (!is_wanted(task.attempt.task)) return last.is_none() || task.attempt.task <= last;
    ++num_printed;
    if (task.is_output_given_up) lost.attempts.push_back(task.attempt);
    print(reader, task, core::Stream::out);
    print(reader, task, core::Stream::err);
    return true;
  });
  if (num_printed == 0 && !ranges.empty())
    throw Error("no such task has ended in " + run.path().string() + ": see 'drover results', or 'drover explain'");
  if (!lost.is_empty())
    throw Error(describe(lost) + (lost.attempts.size() == 1 ? " was" : " were") +
                " lost when files of the run were damaged: the rest has been printed");
  return 0;
}

}  // namespace drover::cli
