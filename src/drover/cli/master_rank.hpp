// The master rank, from its start to its end.
#pragma once

#include "drover/cli/run_command.hpp"

namespace drover::cli {

/// What open_input() is to be told.
[[nodiscard]] InputOptions input_options(const RunInvocation& invocation);

/// Waits until a descriptor is readable.
void wait_readable(int fd);

/// Returns the exit status, which it has also told the supervisor if there is one.
[[nodiscard]] int run_master_rank(const RunInvocation& invocation);

}  // namespace drover::cli
