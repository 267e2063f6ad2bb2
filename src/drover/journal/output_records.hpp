// What the journal knows of the outputs of a run: what must be in the store, and what may stay there.
#pragma once

#include <cstdint>
#include <functional>

#include "drover/core/ids.hpp"

namespace drover::journal {

/// An output that is on record: that of the attempt by which its task has ended.
struct RecordedOutput {
  core::AttemptId attempt;
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  /// The store has exactly as many bytes. False for functions, whose values are stored behind what they printed.
  bool is_exact = true;
};

struct OutputRecords {
  using Visit = std::function<void(const RecordedOutput&)>;

  /// Whether a task has ended by this attempt, or had before it was taken up again.
  std::function<bool(core::AttemptId)> is_recorded;
  /// Tells of every output that is on record, in any order, at most one a task; but for those of tasks that were
  /// taken up again.
  std::function<void(const Visit&)> for_each;

  /// Of a store that has no journal beside it: all that it lists is right.
  [[nodiscard]] static OutputRecords none() {
    return {[](core::AttemptId) { return true; }, [](const Visit&) {}};
  }
};

}  // namespace drover::journal
