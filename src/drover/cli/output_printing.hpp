// What a session prints of a run's outputs: first what those before it recorded and did not print.
#pragma once

#include <string>

#include "drover/cli/open_run.hpp"
#include "drover/cli/output/printed_mark.hpp"
#include "drover/cli/output/printer.hpp"
#include "drover/cli/run_options.hpp"
#include "drover/journal/ended_tasks.hpp"
#include "drover/journal/output_store.hpp"
#include "drover/runtime/signal_inbox.hpp"

namespace drover::cli {

/// Where the outputs of a run are kept.
[[nodiscard]] std::filesystem::path output_directory(const RunOptions& options, const journal::RunDirectory& run);

/// Opens what keeps them. Throws Error.
[[nodiscard]] journal::OutputStore open_output_store(const RunOptions& options, const journal::RunDirectory& run);

/// Whether no output was recorded and not printed, so far as the run is to print its outputs. Nobody
/// must be working on it. Throws Error if it cannot be read.
[[nodiscard]] bool is_all_printed(const RunOptions& options, const journal::RunDirectory& run);

/// What is to be said where nobody can know what has been printed; empty: it is known, or nothing is to be printed.
[[nodiscard]] std::string printed_fault(const RunOptions& options, const journal::RunDirectory& run);

/// A printer, and where it begins. A session that prints no outputs takes those before it for printed.
class OutputPrinting {
 public:
  /// All outlive this.
  OutputPrinting(const RunOptions& options, const OpenRun& run, const journal::OutputStore& store, TerminalLine& line);

  [[nodiscard]] Printer& printer() { return printer_; }

  /// Before anything else is delivered.
  void print_what_was_not();

  /// Until all is printed: whoever reads may take their time; whoever has had enough interrupts.
  void finish(Printer::Held held, runtime::SignalInbox& signals);

 private:
  void deliver(const journal::EndedTask& task, bool is_next);

  const OpenRun& run_;
  const journal::OutputStore& store_;
  PrintedPlace before_;
  PrinterOptions options_;
  Printer printer_;
};

}  // namespace drover::cli
