#include "drover/runtime/status_board.hpp"

#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

TEST_CASE("a worker is shown once its joining is safe, and not before") {
  const core::Time now{};
  core::Scheduler scheduler({});
  (void)scheduler.handle(core::event::GroupFormed{core::GroupSource::world, 1, ""}, now);
  const core::Outbox joined =
      scheduler.handle(core::event::WorkerAnnounced{core::WorkerId(1), "here", 42, 2}, now + 1s);
  runtime::StatusBoard board({}, now, [](core::TaskId) { return std::string(); });
  CHECK(board.status(scheduler, now + 1s).workers.empty());

  board.on_facts(joined.facts, 0);
  const auto workers = board.status(scheduler, now + 2s).workers;
  REQUIRE(workers.size() == 1);
  CHECK(workers.front().pid == 42);
  CHECK(workers.front().host == "here");
}
