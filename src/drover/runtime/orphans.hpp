// What processes leave behind that this one has started: ranks of an mpirun that was killed, their commands.
#pragma once

#include <sys/types.h>

#include <vector>

namespace drover::runtime {

/// From now on, whatever loses its parent among the descendants of this process becomes its child.
void adopt_orphans();

/// Children of this process, which has one thread.
[[nodiscard]] std::vector<pid_t> children();

/// Kills and reaps all of them, and those that they leave behind in turn; waits for that a few seconds at most.
void end_children();

}  // namespace drover::runtime
