// The records of a world's run, for those who want to replay them.
#pragma once

#include <cstddef>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/core/snapshot.hpp"

namespace drover::simulation {

struct Ledger {
  /// What the master knew when so many facts were recorded.
  struct Mark {
    std::size_t num_facts = 0;
    core::Counts counts;
    core::Snapshot snapshot;
  };
  std::vector<core::Fact> facts;
  std::vector<Mark> marks;  ///< one a commit
};

}  // namespace drover::simulation
