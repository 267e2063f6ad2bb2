// What drover's exit status says.
#pragma once

#include <cstdint>

#include "drover/runtime/master_loop.hpp"

namespace drover::cli {

/// drover itself failed or was called wrongly.
inline constexpr int kInternalFailure = 125;

/// 0: every task succeeded; 1-100: so many did not; 101: more; 124: the time limit came first;
/// 128 + a signal that stopped the run with work left (SIGPIPE when the reader of outputs has gone);
/// 125: drover failed.
[[nodiscard]] int exit_status(const runtime::RunEnd& end, bool is_reader_gone);

/// Of a run in which nothing is left to do.
[[nodiscard]] int exit_status(const core::Counts& counts);

}  // namespace drover::cli
