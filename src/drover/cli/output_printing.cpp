#include "drover/cli/output_printing.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>

#include "drover/journal/append_file.hpp"
#include "drover/journal/ended_tasks.hpp"
#include "drover/journal/output_index.hpp"
#include "drover/journal/output_paths.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

/// How often signals are looked for while somebody is slow to read.
constexpr std::chrono::milliseconds kPrintCheck{200};

bool are_outputs_unprinted(const RunOptions& options) {
  return options.quiet || options.json || !options.output_dir.empty();
}

PrintedPlace printed_before(const RunOptions& options, const OpenRun& run, const journal::OutputStore& store) {
  std::optional<PrintedPlace> place = read_printed(run.directory.printed());
  if (!place || place->index_end > store.index_end()) place = {store.index_end(), run.journal->first_unfinished(), {}};
  // Half an output elsewhere is no use.
  if (!options.is_rollover)
    place->num_bytes = bytes_still_there(*place, {stream_end(STDOUT_FILENO), stream_end(STDERR_FILENO)});
  return *place;
}

PrinterOptions printer_options(const RunOptions& options, const OpenRun& run, const PrintedPlace& before) {
  PrinterOptions printer;
  const core::TaskId first = std::min(before.next_task, run.journal->first_unfinished());
  printer.form = {options.line_buffer, options.keep_order, options.tag, first, before.index_end};
  printer.quiet = are_outputs_unprinted(options);
  if (!printer.quiet) printer.mark = run.directory.printed();
  return printer;
}

}  // namespace

fs::path output_directory(const RunOptions& options, const journal::RunDirectory& run) {
  return options.output_dir.empty() ? run.outputs() : fs::absolute(options.output_dir);
}

journal::OutputStore open_output_store(const RunOptions& options, const journal::RunDirectory& run) {
  // A directory that was asked for is made as any other program would.
  const mode_t mode = options.output_dir.empty() ? support::kOwnDirectoryMode : 0777;
  return {output_directory(options, run), options.output_layout, journal::output_records(run), mode};
}

bool is_all_printed(const RunOptions& options, const journal::RunDirectory& run) {
  const std::optional<PrintedPlace> place = read_printed(run.printed());
  if (!place) return true;
  std::error_code error;
  const std::uintmax_t index_end = fs::file_size(journal::index_path(output_directory(options, run)), error);
  return error || place->index_end >= index_end;
}

std::string printed_fault(const RunOptions& options, const journal::RunDirectory& run) {
  if (are_outputs_unprinted(options)) return "";
  std::error_code error;
  const std::uintmax_t index_end = fs::file_size(journal::index_path(output_directory(options, run)), error);
  if (error || index_end <= journal::kOutputIndexHeader.size()) return "";
  const std::optional<PrintedPlace> place = read_printed(run.printed());
  if (place ? place->index_end <= index_end : is_printed_mark(run.printed())) return "";
  return "'" + run.printed().string() +
         "' has been removed or changed, which said how much of the outputs has been printed: none of those that are "
         "stored is printed now; to have them: drover output --run " +
         support::shell_quote(run.path().string());
}

OutputPrinting::OutputPrinting(const RunOptions& options, const OpenRun& run, const journal::OutputStore& store,
                               TerminalLine& line)
    : run_(run),
      store_(store),
      before_(printed_before(options, run, store)),
      options_(printer_options(options, run, before_)),
      printer_(options_, store.reader(), line) {
  if (options_.quiet) note_nothing_is_printed(run.directory.printed());
}

void OutputPrinting::print_what_was_not() {
  if (options_.quiet) return;
  if (options_.form.keep_order) {
    // What was held back for a task before it is printed in its turn.
    journal::for_each_ended(run_.directory, store_.directory(), options_.form.first_task,
                            [this](const journal::EndedTask& task) {
                              deliver(task, task.attempt.task == before_.next_task);
                              return true;
                            });
  } else {
    journal::for_each_stored(
        run_.directory, store_.directory(), before_.index_end,
        [this](const journal::EndedTask& task) { deliver(task, task.index_begin == before_.index_end); });
  }
}

void OutputPrinting::deliver(const journal::EndedTask& task, bool is_next) {
  const bool is_printed = task.attempt.task < before_.next_task || task.index_end <= before_.index_end;
  printer_.deliver({task.attempt, task.tag, is_printed ? journal::StoredOutput{} : task.output, task.index_end,
                    is_next ? before_.num_bytes : StreamBytes{}});
}

void OutputPrinting::finish(Printer::Held held, runtime::SignalInbox& signals) {
  while (!printer_.finish(kPrintCheck, held)) {
    if (!signals.next()) continue;
    printer_.abandon();
    return;
  }
}

}  // namespace drover::cli
