// What drover's exit status says.
#pragma once

#include <optional>

#include "drover/core/counts.hpp"
#include "drover/runtime/run_end.hpp"

namespace drover::cli {

/// drover itself failed or was called wrongly.
inline constexpr int kInternalFailure = 125;

/// What happened beside a run that its exit status depends on.
struct Bystanders {
  /// Whoever read the outputs has gone, before all was printed.
  bool is_reader_gone;
  /// What a program's own code returned; none: there is no such code, or it returned nothing, or was cut short.
  std::optional<int> program_status;
};

/// Says what is left of a run, whoever asked for its end. With nothing left: 0: every task succeeded; 1-100: so many
/// did not; 101: more; or what the program returned. With work left: 124: the time limit came first; 128 + the signal
/// that stopped it, SIGINT's for any other request; of a run that its halt policy ended, how many tasks did not
/// succeed. 141 (SIGPIPE) when the reader of the outputs has gone; 125 when drover failed.
[[nodiscard]] int exit_status(const runtime::RunEnd& end, const Bystanders& bystanders);

/// Of a run in which nothing is left to do.
[[nodiscard]] int exit_status(const core::Counts& counts);

}  // namespace drover::cli
