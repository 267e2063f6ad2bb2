// The core, out of an installed drover: a batch of one task, before any worker came.
#include <drover/core/scheduler.hpp>

int main() {
  using namespace drover::core;
  Scheduler scheduler(Policy{});
  event::TasksSubmitted batch;
  batch.tasks.resize(1);
  batch.tasks.front().payload = "true";
  (void)scheduler.handle(batch, Time{});
  return scheduler.counts().accepted == 1 && scheduler.check_invariants().empty() ? 0 : 1;
}
