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

namespace {

struct Told {
  core::Scheduler scheduler;
  runtime::StatusBoard board;
  core::Time now{};

  explicit Told(core::Policy policy = {}, core::Snapshot start = {})
      : scheduler(std::move(policy), start),
        board({"", "", "", {}, false, start.is_input_ended}, core::Time{}, [](core::TaskId) { return std::string(); }) {
  }

  void happens(const core::Event& event) { board.on_facts(scheduler.handle(event, now).facts, 0); }
  void has_worker() {
    happens(core::event::GroupFormed{core::GroupSource::world, 1, ""});
    happens(core::event::WorkerAnnounced{core::WorkerId(1), "here", 42, 1});
  }
  void has_tasks(std::size_t num) {
    happens(core::event::TasksSubmitted{core::OwnerId(0), std::vector<core::TaskSpec>(num, core::TaskSpec{})});
  }
  [[nodiscard]] std::string explanation(std::uint64_t task) const {
    return board.explain(core::TaskId(task), scheduler, now);
  }
};

core::Policy strict(std::uint32_t num_retries = 0) {
  core::Policy policy;
  policy.credit.fixed_per_slot = 0;
  policy.retry.max_retries = num_retries;
  return policy;
}

}  // namespace

TEST_CASE("a task is said to be where it is") {
  Told it(strict(1));
  it.has_tasks(3);
  CHECK(it.explanation(1) == "Task 1 waits for a worker: none is there.");
  CHECK(it.explanation(4) == "Task 4 is not known: the run has accepted 3 tasks so far.");
  it.has_worker();
  CHECK(it.explanation(1) == "Task 1 is with worker 1 on here, behind what runs there.");
  CHECK(it.explanation(2) == "Task 2 waits for a free slot behind 0 other tasks; of 1 slot none is free.");
  CHECK(it.explanation(3) == "Task 3 waits for a free slot behind 1 other task; of 1 slot none is free.");
  it.happens(core::event::WorkerReported{core::WorkerId(1), {{core::TaskId(1), 1}}, {}, {}});
  CHECK(it.explanation(1) == "Task 1 is running on worker 1 on here, attempt 1.");
  core::AttemptResult failed;
  failed.attempt = {core::TaskId(1), 1};
  failed.outcome = core::Exited{3};
  it.happens(core::event::WorkerReported{core::WorkerId(1), {}, {failed}, {}});
  CHECK(it.explanation(1) == "Task 1 failed and waits 1.0s before its next attempt. It has failed 1 time.");
  it.happens(core::event::StopRequested{core::StopReason::requested, false, std::nullopt});
  CHECK(it.explanation(3) == "Task 3 will not start: the run is stopping.");
}

TEST_CASE("a task that waits to be submitted again is said to, and no other") {
  core::Snapshot start;
  start.totals.accepted = 2;
  start.unfinished = {{core::TaskId(1), {}, {}, 1, 0, 0, false, true},
                      {core::TaskId(2), {}, {}, 1, 0, 0, false, false}};
  const Told it({}, std::move(start));
  CHECK(it.explanation(1) ==
        "Task 1 was left unfinished when the run was taken up, and waits for the program to submit it again.");
  CHECK(it.explanation(2) == "Task 2 waits for a worker: none is there.");
}

TEST_CASE("a run that is taken up again knows what it was") {
  core::Snapshot start;
  start.totals.accepted = 1000;
  start.totals.succeeded = 998;
  start.is_input_ended = true;
  Told it({}, std::move(start));
  it.board.on_turn(it.scheduler, it.now);
  it.now += 2s;
  it.board.on_turn(it.scheduler, it.now);
  const control::reply::Status status = it.board.status(it.scheduler, it.now);
  CHECK(status.is_input_ended);
  CHECK(status.tasks_per_second == 0);
}
