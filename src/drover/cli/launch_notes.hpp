// What is worth knowing about the MPI job that somebody else started for us.
#pragma once

#include <string>

#include "drover/cli/run_command.hpp"

namespace drover::cli {

/// For a master that a launcher started: what the death of a rank would do, if that is not survived,
/// and which option has no effect here. Lines for stderr; empty when there is nothing to say.
[[nodiscard]] std::string launch_notes(const RunInvocation& invocation, int num_workers);

}  // namespace drover::cli
