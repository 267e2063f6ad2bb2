// Where the ranks of a farm are started when no launcher has started them: on this machine, on the hosts
// that were named, or on the nodes of the Slurm job that this is.
#pragma once

#include "drover/cli/run_command.hpp"

namespace drover::cli {

/// Starts them, and again from the journal when their MPI job dies, on the hosts that are left. Returns
/// the exit status. Throws drover::Error. In the shell of a Slurm job that is on none of its nodes, as
/// salloc opens one, the process becomes an srun that runs it on the first node.
[[nodiscard]] int run_supervised(const RunInvocation& invocation);

}  // namespace drover::cli
