// The outputs of a run: kept on disk, and printed.
#pragma once

#include <map>

#include "drover/cli/output/printer.hpp"
#include "drover/journal/output_store.hpp"
#include "drover/runtime/control_desk.hpp"
#include "drover/runtime/function_desk.hpp"
#include "drover/runtime/result_sink.hpp"

namespace drover::cli {

/// Joins the store, the printer and the desks, where clients and code wait for theirs. All outlive it.
class Results final : public runtime::ResultSink {
 public:
  /// `functions` is null when no code submits tasks.
  Results(journal::OutputStore& store, Printer& printer, runtime::ControlDesk& desk, runtime::FunctionDesk* functions)
      : store_(store), printer_(printer), desk_(desk), functions_(functions) {}

  void take_output(core::AttemptId attempt, std::string_view tag, core::Stream stream,
                   std::span<const char> bytes) override;
  void take_words(core::WorkerId worker, core::Stream stream, std::span<const char> bytes) override;
  void keep_outputs(std::span<const core::AttemptId> attempts) override;
  void deliver(const core::command::Deliver& delivery) override;
  void discard_output(core::AttemptId attempt) override;
  [[nodiscard]] Pressure pressure() const override;
  [[nodiscard]] bool is_reader_gone() const override;

 private:
  struct Kept {
    journal::StoredOutput output;
    std::uint64_t index_end = 0;
  };

  journal::OutputStore& store_;
  Printer& printer_;
  runtime::ControlDesk& desk_;
  runtime::FunctionDesk* functions_;
  std::map<core::AttemptId, Kept> kept_;  ///< between keep_outputs() and deliver()
};

}  // namespace drover::cli
