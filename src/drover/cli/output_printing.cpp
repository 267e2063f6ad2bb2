#include "drover/cli/output_printing.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>

#include "drover/journal/append_file.hpp"
#include "drover/journal/ended_tasks.hpp"
#include "drover/journal/output_paths.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

/// How often signals are looked for while somebody is slow to read.
constexpr std::chrono::milliseconds kPrintCheck{200};

PrintedPlace printed_before(const RunOptions& options, const OpenRun& run, const journal::OutputStore& store) {
  std::optional<PrintedPlace> place = read_printed(run.directory.printed());
  if (!place || place->index_end > store.index_end()) place = {store.index_end(), run.journal->first_unfinished(), {}};
  if (!options.is_rollover) place->num_bytes = {};  // half an output elsewhere is no use
  return *place;
}

PrinterOptions printer_options(const RunOptions& options, const OpenRun& run, const PrintedPlace& before) {
  PrinterOptions printer;
  const core::TaskId first = std::min(before.next_task, run.journal->first_unfinished());
  printer.form = {options.line_buffer, options.keep_order, options.tag, first, before.index_end};
  printer.quiet = options.quiet || options.json || !options.output_dir.empty();
  if (!printer.quiet) printer.mark = run.directory.printed();
  return printer;
}

}  // namespace

fs::path output_directory(const RunOptions& options, const journal::RunDirectory& run) {
  return options.output_dir.empty() ? run.outputs() : fs::absolute(options.output_dir);
}

bool is_all_printed(const RunOptions& options, const journal::RunDirectory& run) {
  const std::optional<PrintedPlace> place = read_printed(run.printed());
  if (!place) return true;
  std::error_code error;
  const std::uintmax_t index_end = fs::file_size(journal::index_path(output_directory(options, run)), error);
  return error || place->index_end >= index_end;
}

OutputPrinting::OutputPrinting(const RunOptions& options, const OpenRun& run, const journal::OutputStore& store,
                               TerminalLine& line)
    : run_(run),
      store_(store),
      before_(printed_before(options, run, store)),
      options_(printer_options(options, run, before_)),
      printer_(options_, store.reader(), line) {
  if (options_.quiet) journal::remove_file(run.directory.printed());
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
