#include "drover/cli/open_run.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "drover/cli/input/input.hpp"
#include "drover/cli/input/resumed_input.hpp"
#include "drover/cli/joblog_import.hpp"
#include "drover/cli/master_rank.hpp"
#include "drover/cli/output_printing.hpp"
#include "drover/cli/records/recorded_run.hpp"
#include "drover/cli/stored_run.hpp"
#include "drover/cli/version.hpp"
#include "drover/journal/output_check.hpp"
#include "drover/journal/output_index.hpp"
#include "drover/journal/output_paths.hpp"
#include "drover/journal/run_records.hpp"
#include "drover/support/error.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

/// A master before us may be on its way out.
constexpr core::Duration kLockPatience = std::chrono::seconds(5);
constexpr const char* kFailed = "state <> 'succeeded'";
constexpr const char* kStdin = "-";

journal::DatabaseOptions database_options(const RunOptions& options) {
  return {options.durability, {}, ""};
}

journal::RunDirectory create_directory(const RunOptions& options) {
  if (options.run_dir.empty()) return journal::RunDirectory::create_below(fs::current_path());
  return journal::RunDirectory::create(options.run_dir);
}

OpenRun begin_run(const RunInvocation& invocation) {
  const RunOptions& options = invocation.options;
  const bool is_program = invocation.program != nullptr;  // its tasks are not read, but made
  const StoredInput stored = is_program ? StoredInput{{}, {}, "", false, false}
                                        : stored_input(options.words, invocation.sources, STDIN_FILENO);
  InputOptions input = input_options(invocation);
  if (stored.is_spooled) input.stdin_spool = std::make_shared<StdinSpool>();
  std::unique_ptr<runtime::TaskSource> source;
  if (!is_program) source = open_input(input, STDIN_FILENO);
  std::optional<ImportedJobLog> imported;
  if (!options.joblog_import.empty()) imported = read_job_log(options.joblog_import);
  const journal::RunDirectory directory = create_directory(options);
  journal::RunLock lock = journal::RunLock::acquire(directory);
  const std::string run_id = directory.path().filename().string();
  journal::create_run(directory,
                      {run_id, version(), support::wall_now(), fs::current_path().string(), encode_input(stored),
                       storable_options(invocation.settings)},
                      database_options(options));
  OpenRun run{directory, std::move(lock), nullptr, std::move(source), "", true, nullptr, {}};
  run.journal = std::make_unique<journal::SqliteJournal>(directory, database_options(options), version());
  run.is_input_safe = is_program || stored.can_be_read_again || stored.is_spooled;
  if (input.stdin_spool) input.stdin_spool->open(directory.path());
  if (imported) run.notices.push_back(import_job_log(*imported, options.changed_input, run.source, *run.journal));
  return run;
}

// --- taking a run up again --------------------------------------------------------------------

/// Of the input that the run was started with; what was standard input then is read from its file.
InputOptions input_again(const RunOptions& options, const StoredInput& stored) {
  InputOptions input{stored.words, stored.sources, form_of(options.input), 0, options.keep_open};
  if (stored.stdin_path.empty()) return input;
  if (input.words == std::vector<std::string>{kStdin} && input.sources.empty())
    input.words = {stored.stdin_path};
  else if (input.sources.empty())
    input.sources = {{ArgumentSource::Kind::file, {}, stored.stdin_path, false}};
  for (ArgumentSource& source : input.sources)
    if (source.kind == ArgumentSource::Kind::file && source.path == kStdin) source.path = stored.stdin_path;
  return input;
}

Error changed_error(const std::string& difference, std::uint64_t num_tasks) {
  return Error(
      "the input has changed since the run took its first " + std::to_string(num_tasks) + " tasks from it" +
      (difference.empty() ? "" : ": " + difference) +
      "; --changed-input follow goes on behind as many tasks of the new one, --changed-input end runs only what "
      "the run has");
}

/// Opens the input anew and passes over what the run has of it.
void continue_input(OpenRun& run, const RunOptions& options, const StoredInput& stored) {
  const journal::Progress& progress = run.journal->progress();
  InputOptions input = input_again(options, stored);
  if (stored.is_spooled) {
    input.stdin_spool = std::make_shared<StdinSpool>();
    input.stdin_spool->open(run.directory.path());
  }
  const int stdin_fd = stored.is_spooled && !options.is_stdin_same ? -1 : STDIN_FILENO;
  if (stdin_fd < 0 && !input.stdin_spool->is_complete())
    run.notices.emplace_back(
        "standard input cannot be read again: going on with what was read of it (to give it the rest, resume "
        "once more, pipe that in and add '-')");
  try {
    run.source = open_input(input, stdin_fd);
  } catch (const UsageError& e) {
    throw Error(std::string(e.what()) +
                "; the run was started with it: put it back, or use --changed-input end to run only what the run has");
  }
  const PassedOver passed = pass_over(*run.source, progress.num_input_tasks);
  if (passed.num_tasks != progress.num_input_tasks || !(passed.fingerprint == progress.input_fingerprint)) {
    if (options.changed_input == ChangedInput::refuse) {
      const std::unique_ptr<runtime::TaskSource> again = open_input(input, stdin_fd);
      journal::InputTasks known(run.directory);
      throw changed_error(first_difference(*again, [&known] { return known.next(); }), progress.num_input_tasks);
    }
    run.notices.push_back("the input has changed: going on behind its first " + std::to_string(passed.num_tasks) +
                          " tasks");
  }
  run.journal->continue_input(passed.fingerprint);
  if (passed.is_at_end) run.source = std::make_unique<EmptySource>();
}

/// Standard input was asked for: it is what follows.
void take_new_stdin(OpenRun& run, const RunOptions& options, const StoredInput& stored) {
  InputOptions input{stored.words, stored.sources, form_of(options.input), run.journal->progress().num_input_tasks};
  if (stored.can_be_read_again && stored.stdin_path.empty())
    throw UsageError("the input of this run is not standard input: leave out '-'");
  run.source = open_input(input, STDIN_FILENO);
  run.is_input_safe = false;
  StdinSpool::remove_from(run.directory.path());  // what was read beyond the tasks that were taken is given anew
  run.journal->continue_input(run.journal->progress().input_fingerprint);
}

void open_resumed_input(OpenRun& run, const RunInvocation& invocation) {
  const RunOptions& options = invocation.options;
  const StoredInput stored = decode_input(invocation.resumed->input);
  const bool has_ended = run.journal->start().is_input_ended;
  run.source = std::make_unique<EmptySource>();
  if (!options.words.empty()) return take_new_stdin(run, options, stored);
  if (has_ended && options.changed_input != ChangedInput::follow) return;
  const bool is_spooled = stored.is_spooled && StdinSpool::is_in(run.directory.path());
  run.is_input_safe = stored.can_be_read_again || is_spooled;
  if (!run.is_input_safe) {
    run.notices.push_back("standard input cannot be read again: going on with the " +
                          std::to_string(run.journal->progress().num_input_tasks) +
                          " tasks that were taken from it (to give it the rest, pipe that in and add '-')");
  } else if (options.changed_input != ChangedInput::end) {
    continue_input(run, options, stored);
  }
}

/// SQL for the tasks that are to run again; empty: none.
std::string rerun_condition(const RunOptions& options) {
  if (options.resume_failed.empty()) return options.rerun;
  return options.rerun.empty() ? kFailed : std::string(kFailed) + " OR (" + options.rerun + "\n)";
}

/// A program's tasks are its own, and a batch of commands is no program's.
void check_kind(const OpenRun& run, const RunInvocation& invocation) {
  const std::string directory = run.directory.path().string();
  for (const core::UnfinishedTask& task : run.journal->start().unfinished) {
    const bool is_function = task.spec.kind == core::TaskKind::function;
    if (is_function && invocation.program == nullptr)
      throw UsageError("the run in " + directory +
                       " is that of a program, which alone can go on with it: give the program the same option");
    if (!is_function && task.owner.is_none() && invocation.program != nullptr)
      throw UsageError("the run in " + directory + " is one of commands: go on with it by drover run --resume");
  }
}

/// The program's code makes the tasks again; the journal tells what is known of them.
void take_up_calls(OpenRun& run) {
  run.journal->continue_input(run.journal->progress().input_fingerprint);
  run.journal->leave_calls_unclaimed();
  run.recorded = std::make_unique<journal::RecordedCalls>(run.directory);
}

/// Outputs are in one place, kept in one way.
void check_output_place(const OpenRun& run, const RunInvocation& invocation) {
  const OutputPlace before = output_place(run.directory, *invocation.resumed);
  const RunOptions& options = invocation.options;
  if (before.directory == output_directory(options, run.directory) && before.layout == options.output_layout) return;
  std::error_code error;
  const std::uintmax_t index_size = fs::file_size(journal::index_path(before.directory), error);
  if (!error && index_size > journal::kOutputIndexHeader.size())
    throw UsageError("the run has outputs in '" + before.directory.string() +
                     "', and goes on keeping them there in the same way: leave out --output-dir and --output-files");
}

void check_outputs(OpenRun& run, const RunOptions& options) {
  const fs::path directory = output_directory(options, run.directory);
  const journal::LostOutputs lost =
      journal::find_lost_outputs(directory, options.output_layout, journal::output_records(run.directory));
  if (lost.is_empty()) return;
  if (!options.without_lost_outputs) throw lost_outputs_error(directory, lost);
  journal::give_up_outputs(directory, options.output_layout, lost);
  run.notices.push_back("going on without " + describe(lost) + ": " + lost.reason + "; what there was is still in " +
                        directory.string());
}

OpenRun take_up_run(const RunInvocation& invocation) {
  const RunOptions& options = invocation.options;
  const journal::RunDirectory directory = journal::RunDirectory::open_to_write(options.resumed_dir());
  OpenRun run{directory, journal::RunLock::acquire(directory, kLockPatience), nullptr, nullptr, "", true, nullptr, {}};
  run.journal = std::make_unique<journal::SqliteJournal>(directory, database_options(options), version());
  run.notices = run.journal->notes();
  check_kind(run, invocation);
  check_output_place(run, invocation);
  run.journal->set_options(storable_options(invocation.settings));
  if (const std::string where = rerun_condition(options); !where.empty()) (void)run.journal->reopen(where);
  check_outputs(run, options);
  if (std::string fault = printed_fault(options, directory); !fault.empty()) run.notices.push_back(std::move(fault));
  if (invocation.program != nullptr)
    take_up_calls(run);
  else
    open_resumed_input(run, invocation);
  if (fs::current_path() != invocation.resumed->directory) run.workdir = invocation.resumed->directory;
  return run;
}

}  // namespace

OpenRun open_run(const RunInvocation& invocation) {
  return invocation.resumed ? take_up_run(invocation) : begin_run(invocation);
}

std::string finished_text(const journal::RunDirectory& run, const core::Counts& totals) {
  std::string text = "the run in " + run.path().string() + " is finished: " + std::to_string(totals.accepted) +
                     " tasks, " + std::to_string(totals.succeeded) + " succeeded, " +
                     std::to_string(totals.unsuccessful()) + " did not";
  if (totals.unsuccessful() > 0) text += "; to run those again: drover run --resume-failed " + run.path().string();
  return text;
}

std::optional<core::Counts> look_at_resumed_run(const RunInvocation& invocation) {
  const RunOptions& options = invocation.options;
  const journal::RunDirectory run = journal::RunDirectory::open(options.resumed_dir());
  if (const auto master = journal::current_master(run))
    throw Error("the run in " + run.path().string() + " is going on: " + *master);
  const bool wants_more = invocation.program != nullptr || !options.resume_failed.empty() || !options.rerun.empty() ||
                          !options.words.empty() || options.changed_input == ChangedInput::follow;
  const journal::Progress progress = journal::reading(run.database(), [&] {
    SQLite::Database database = journal::open_for_reading(run.database());
    if (!options.is_rollover) journal::check_whole(database, run.database());
    return journal::read_progress(database);
  });
  const bool is_finished = progress.is_input_ended && progress.totals.unfinished() == 0;
  if (!is_finished || wants_more || !is_all_printed(options, run)) return std::nullopt;
  return progress.totals;
}

}  // namespace drover::cli
