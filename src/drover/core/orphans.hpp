// Tasks that nobody submits again when a program's run is taken up.
#pragma once

#include <vector>

#include "drover/core/snapshot.hpp"

namespace drover::core {

/// Those that tasks made which have ended; in the order of their numbers. They point into the snapshot.
[[nodiscard]] std::vector<const UnfinishedTask*> orphans(const Snapshot& snapshot);

}  // namespace drover::core
