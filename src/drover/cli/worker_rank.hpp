// A worker rank, from its start to its end.
#pragma once

#include "drover/cli/run_options.hpp"

namespace drover::cli {

/// Returns the exit status; does not return when the master is gone, as MPI cannot be finalized then.
[[nodiscard]] int run_worker_rank(const RunOptions& options);

}  // namespace drover::cli
