// Reads events.jsonl and says whether the run kept its promises: an account of a run that knows nothing
// of the scheduler.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace drover::chaos {

struct HistoryVerdict {
  std::vector<std::string> faults;  ///< a sentence each; empty when all is well
  std::uint64_t num_tasks = 0;
  std::uint64_t num_succeeded = 0;
  std::uint64_t num_attempts = 0;    ///< dispatched
  std::uint64_t num_superseded = 0;  ///< results that came too late
  std::uint64_t num_lost_workers = 0;
  std::uint64_t num_groups = 0;
};

/// Checks that every accepted task has one terminal record, that a success is the result of the attempt
/// that was current then, and that nothing is said of a task after its end.
[[nodiscard]] HistoryVerdict check_history(const std::filesystem::path& events);

}  // namespace drover::chaos
