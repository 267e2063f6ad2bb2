#include "drover/cli/records/recorded_run.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <vector>

#include "drover/control/run_finder.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/journal/run_lock.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

std::string last_session_end(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT coalesce(how, 'cut short') FROM sessions ORDER BY id DESC LIMIT 1");
  return select.executeStep() ? select.getColumn(0).getString() : "not begun";
}

const std::string* option(const journal::RunDescription& description, const std::string& name) {
  for (const journal::StoredOption& option : description.options)
    if (option.name == name && !option.values.empty()) return &option.values.back();
  return nullptr;
}

}  // namespace

journal::RunDirectory choose_recorded_run(const std::string& name) {
  const fs::path here = fs::current_path();
  if (!name.empty()) return journal::RunDirectory::open(control::choose_run(name, here));
  std::error_code ignored;
  if (fs::exists(here / "run.db", ignored)) return journal::RunDirectory::open(here);
  for (const control::RunInfo& run : control::find_runs(here))
    if (fs::exists(run.directory / "run.db", ignored)) return journal::RunDirectory::open(run.directory);
  throw UsageError("there is no run here: name the directory of one");
}

RecordedRun read_run(const journal::RunDirectory& run) {
  try {
    SQLite::Database database = journal::open_for_reading(run.database());
    RecordedRun recorded{journal::read_description(database, run.database()), journal::read_progress(database), ""};
    recorded.state = journal::current_master(run) ? "running" : last_session_end(database);
    return recorded;
  } catch (const SQLite::Exception& e) {
    throw journal::database_error(e, "read", run.database());
  }
}

OutputPlace output_place(const journal::RunDirectory& run, const journal::RunDescription& description) {
  const std::string* directory = option(description, "output-dir");
  const std::string* layout = option(description, "output-files");
  return {directory != nullptr ? fs::path(*directory) : run.outputs(), layout != nullptr && *layout == "per-task"
                                                                           ? journal::OutputLayout::per_task
                                                                           : journal::OutputLayout::combined};
}

}  // namespace drover::cli
