#include "drover/cli/records/runs_command.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "drover/cli/records/recorded_run.hpp"
#include "drover/control/run_finder.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

struct Line {
  std::string directory;
  std::string state;
  core::Counts totals;
  core::WallMicros created_at = 0;
};

bool holds_a_run(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / "run.db", ignored);
}

/// Those that were named, or that lie in directories that were; without any, those that are here.
std::set<fs::path> run_directories(const RunsOptions& options) {
  std::set<fs::path> found;
  if (options.directories.empty()) {
    for (const control::RunInfo& run : control::find_runs("."))
      if (holds_a_run(run.directory)) found.insert(run.directory);
    return found;
  }
  for (const std::string& directory : options.directories) {
    if (holds_a_run(directory)) found.insert(directory);
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
      if (holds_a_run(entry->path())) found.insert(entry->path());
    if (error) throw UsageError(system_error("cannot look into '" + directory + "'", error.value()).what());
  }
  return found;
}

Line look_at(const fs::path& directory) {
  try {
    const RecordedRun run = read_run(journal::RunDirectory::open(directory));
    return {directory.lexically_normal().string(), run.state, run.progress.totals, run.description.created_at};
  } catch (const Error&) {
    return {directory.lexically_normal().string(), "unreadable", {}, 0};
  }
}

std::string age(core::WallMicros since) {
  const core::WallMicros now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return support::format_duration(std::chrono::microseconds(std::max<core::WallMicros>(now - since, 0)));
}

std::string json_text(const Line& line) {
  const nlohmann::ordered_json object{{"directory", line.directory},
                                      {"state", line.state},
                                      {"created", static_cast<double>(line.created_at) / 1e6},
                                      {"tasks", line.totals.accepted},
                                      {"succeeded", line.totals.succeeded},
                                      {"unsuccessful", line.totals.unsuccessful()},
                                      {"unfinished", line.totals.unfinished()}};
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

CLI::App* declare_runs(CLI::App& app, RunsOptions& options) {
  CLI::App* runs = app.add_subcommand("runs", "List runs with their state, counts and age");
  runs->add_option("directory", options.directories,
                   "Runs, or directories with runs in them; default: those in drover-runs, and those going on here")
      ->type_name("DIR");
  runs->add_flag("--json", options.json, "An object a line");
  runs->footer(
      "States: running; finished; stopped (work is left: drover run --resume RUN); failed (drover did);\n"
      "cut short (its master died: drover run --resume RUN).");
  return runs;
}

int run_runs(const RunsOptions& options) {
  std::vector<Line> lines;
  for (const fs::path& directory : run_directories(options)) lines.push_back(look_at(directory));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.created_at > b.created_at; });
  if (!options.json)
    std::printf("%-10s %10s %10s %10s %10s %8s  %s\n", "STATE", "TASKS", "SUCCEEDED", "FAILED", "LEFT", "AGE", "RUN");
  for (const Line& line : lines) {
    if (options.json)
      std::puts(json_text(line).c_str());
    else
      std::printf("%-10s %10llu %10llu %10llu %10llu %8s  %s\n", line.state.c_str(),
                  static_cast<unsigned long long>(line.totals.accepted),
                  static_cast<unsigned long long>(line.totals.succeeded),
                  static_cast<unsigned long long>(line.totals.unsuccessful()),
                  static_cast<unsigned long long>(line.totals.unfinished()),
                  line.created_at == 0 ? "?" : age(line.created_at).c_str(), line.directory.c_str());
  }
  if (std::fflush(stdout) != 0) throw system_error("cannot print", errno);
  return 0;
}

}  // namespace drover::cli
