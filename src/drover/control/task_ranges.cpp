#include "drover/control/task_ranges.hpp"

#include <algorithm>

namespace drover::control {

std::vector<TaskRange> disjoint(std::vector<TaskRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const TaskRange& a, const TaskRange& b) { return a.first < b.first; });
  std::vector<TaskRange> merged;
  for (const TaskRange& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  }
  return merged;
}

}  // namespace drover::control
