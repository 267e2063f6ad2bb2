#include "drover/core/orphans.hpp"

#include <set>

namespace drover::core {

std::vector<const UnfinishedTask*> orphans(const Snapshot& snapshot) {
  std::set<TaskId> unfinished;  // so far: a task has a greater number than its maker
  std::vector<const UnfinishedTask*> found;
  for (const UnfinishedTask& task : snapshot.unfinished) {
    unfinished.insert(task.id);
    if (is_worker(task.owner) && !unfinished.contains(task.spec.maker)) found.push_back(&task);
  }
  return found;
}

}  // namespace drover::core
