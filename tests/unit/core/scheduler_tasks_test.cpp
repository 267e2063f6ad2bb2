// The life of tasks, from their submission to their terminal record.
#include <string>

#include "support/catch.hpp"
#include "unit/core/farm.hpp"

using namespace drover::core;
using namespace drover::test;
using Phase = Scheduler::Phase;

TEST_CASE("a task is accepted, dispatched, started and ended, each step once") {
  Farm farm;
  farm.add_workers(1);
  Farm::Answer answer = farm.submit(1);
  CHECK(answer.facts == Lines{"task 1 of owner 0 accepted: true", "1.1 dispatched to worker 1"});
  CHECK(answer.commands == Lines{"ticket for worker 1: 1.1"});

  answer = farm.start(1, attempt(1, 1));
  CHECK(answer.facts == Lines{"1.1 started"});
  CHECK(answer.commands.empty());

  answer = farm.succeed(1, attempt(1, 1));
  CHECK(answer.facts == Lines{"1.1 ended on worker 1: exit status 0", "task 1 succeeded"});
  CHECK(answer.commands == Lines{"deliver task 1 succeeded by 1.1"});
  CHECK(farm.tick().facts.empty());
}

TEST_CASE("without credit a busy worker is given nothing") {
  Farm farm;
  farm.add_workers(2);
  CHECK(farm.submit(5).commands == Lines{"ticket for worker 1: 1.1", "ticket for worker 2: 2.1"});
  CHECK(farm.succeed(2, attempt(2, 1)).commands ==
        Lines{"deliver task 2 succeeded by 2.1", "ticket for worker 2: 3.1"});
  CHECK(farm.start(1, attempt(1, 1)).commands.empty());
}

TEST_CASE("with credit, free slots come first and the rest is shared") {
  Policy policy = strict_policy();
  policy.credit.fixed_per_slot = 1;
  Farm farm(policy);
  farm.add_workers(2);
  CHECK(farm.submit(3).commands == Lines{"ticket for worker 1: 1.1 3.1", "ticket for worker 2: 2.1"});
  CHECK(farm.submit(3).commands == Lines{"ticket for worker 2: 4.1"});
}

TEST_CASE("a failed attempt is tried again after a pause, and at the head of the queue") {
  Farm farm;
  farm.add_workers(1);
  farm.submit(3);
  Farm::Answer answer = farm.end(1, attempt(1, 1), Exited{1});
  CHECK(answer.facts == Lines{"1.1 ended on worker 1: exit status 1", "task 1 delayed", "2.1 dispatched to worker 1"});
  CHECK(answer.commands == Lines{"discard output of 1.1", "ticket for worker 1: 2.1"});
  CHECK(farm.scheduler().next_deadline() == farm.now() + 1s);

  farm.pass(999ms);
  CHECK(farm.succeed(1, attempt(2, 1)).commands ==
        Lines{"deliver task 2 succeeded by 2.1", "ticket for worker 1: 3.1"});
  farm.pass(1ms);
  CHECK(farm.succeed(1, attempt(3, 1)).commands ==
        Lines{"deliver task 3 succeeded by 3.1", "ticket for worker 1: 1.2"});
}

TEST_CASE("a task fails once its retries are used up, with the output of its last attempt") {
  const auto [outcome, end] = GENERATE(table<Outcome, std::string>(
      {{Exited{3}, "failed"}, {Signaled{11}, "failed"}, {TimedOut{15}, "timed_out"}, {NotStarted{2, "no"}, "failed"}}));
  Farm farm;
  farm.add_workers(1);
  farm.submit(1);
  farm.end(1, attempt(1, 1), outcome);
  farm.tick_after(1s);
  CHECK(farm.end(1, attempt(1, 2), outcome).commands == Lines{"deliver task 1 " + end + " by 1.2"});
}

TEST_CASE("what is handed back costs nothing and goes to the next") {
  Policy policy = strict_policy();
  policy.credit.fixed_per_slot = 1;
  Farm farm(policy);
  farm.add_workers(1);
  farm.submit(2);
  farm.start(1, attempt(1, 1));
  farm.handle(event::DrainRequested{{WorkerId(1)}, false});
  Farm::Answer answer = farm.report(1, {}, {}, {attempt(2, 1)});
  CHECK(answer.facts == Lines{"2.1 handed back"});
  CHECK(answer.commands == Lines{"discard output of 2.1"});
  farm.form_group(1);
  CHECK(farm.announce(2).commands == Lines{"welcome worker 2", "ticket for worker 2: 2.2"});
  CHECK(farm.scheduler().task(TaskId(2))->num_failures == 0);
  CHECK(farm.scheduler().task(TaskId(2))->num_worker_kills == 0);
}

TEST_CASE("nothing is dispatched on hold") {
  Farm farm;
  farm.add_workers(1);
  farm.handle(event::HoldChanged{true});
  CHECK(farm.submit(1).commands.empty());
  CHECK(farm.handle(event::HoldChanged{false}).commands == Lines{"ticket for worker 1: 1.1"});
}

TEST_CASE("a result of an attempt that nobody waits for is counted, and no more") {
  Farm farm;
  farm.add_workers(2);
  farm.submit(1);
  farm.fail(1);
  const Farm::Answer answer = farm.succeed(1, attempt(1, 1));
  CHECK(answer.facts == Lines{"1.1 of worker 1 superseded"});
  CHECK(answer.commands == Lines{"fence worker 1"});
  CHECK(farm.succeed(2, attempt(1, 2)).commands == Lines{"deliver task 1 succeeded by 1.2"});
  CHECK(farm.scheduler().counts().superseded == 1);
  CHECK(farm.scheduler().counts().succeeded == 1);
}

TEST_CASE("a cancelled task ends at once if no worker has it, else when it is back") {
  Farm farm;
  farm.add_workers(1);
  farm.submit(2, 7);
  farm.start(1, attempt(1, 1));
  Farm::Answer answer = farm.handle(event::CancelRequested{{TaskId(1), TaskId(2), TaskId(3), TaskId(2)}});
  CHECK(answer.facts == Lines{"task 1 is to be cancelled", "task 2 is to be cancelled", "task 2 cancelled"});
  CHECK(answer.commands == Lines{"kill on worker 1: 1.1", "deliver task 2 cancelled by 2.0"});
  CHECK(farm.handle(event::CancelRequested{{TaskId(1)}}).commands.empty());

  SECTION("killed") {
    CHECK(farm.end(1, attempt(1, 1), Killed{}).commands ==
          Lines{"discard output of 1.1", "deliver task 1 cancelled by 1.0"});
  }
  SECTION("ended by itself before it was killed") {
    CHECK(farm.succeed(1, attempt(1, 1)).commands == Lines{"deliver task 1 succeeded by 1.1"});
  }
  SECTION("failed, with a retry left") {
    CHECK(farm.end(1, attempt(1, 1), Exited{1}).commands ==
          Lines{"discard output of 1.1", "deliver task 1 cancelled by 1.0"});
  }
  SECTION("lost with its worker") {
    CHECK(farm.fail(1).commands ==
          Lines{"discard output of 1.1", "deliver task 1 cancelled by 1.0", "forget worker 1", "release group 0"});
  }
}

TEST_CASE("the run closes when all is done, and is closed when all have left") {
  Farm farm;
  farm.add_workers(2);
  farm.submit(1);
  farm.end_input();
  CHECK(farm.phase() == Phase::running);
  CHECK(farm.succeed(1, attempt(1, 1)).commands ==
        Lines{"deliver task 1 succeeded by 1.1", "drain worker 1", "drain worker 2"});
  CHECK(farm.phase() == Phase::closing);
  CHECK(farm.leave(1).commands == Lines{"forget worker 1"});
  CHECK(farm.leave(2).commands == Lines{"forget worker 2", "release group 0"});
  CHECK(farm.phase() == Phase::closed);
}

TEST_CASE("a worker that does not leave in time at the end is not waited for") {
  Farm farm;
  farm.add_workers(1);
  farm.end_input();
  CHECK(farm.scheduler().next_deadline() <= farm.now() + 5s);
  farm.pass(4999ms);
  CHECK(farm.tick().facts.empty());
  CHECK(farm.tick_after(1ms).facts ==
        Lines{"worker 1 ended: lost did not leave in time at the end of the run", "group 0 ended: lost"});
  CHECK(farm.phase() == Phase::closed);
}

TEST_CASE("a stop takes back what has not begun and waits for the rest") {
  Policy policy = strict_policy();
  policy.credit.fixed_per_slot = 1;
  Farm farm(policy);
  farm.add_workers(1);
  farm.submit(3);
  farm.start(1, attempt(1, 1));
  Farm::Answer answer = farm.stop(false);
  CHECK(answer.facts == Lines{"dispatch stopped: requested"});
  CHECK(answer.commands == Lines{"recall from worker 1: 2.1"});
  CHECK(farm.stop(false).commands.empty());
  CHECK(farm.report(1, {}, {}, {attempt(2, 1)}).commands == Lines{"discard output of 2.1"});

  SECTION("which ends by itself") {
    CHECK(farm.succeed(1, attempt(1, 1)).commands == Lines{"deliver task 1 succeeded by 1.1", "drain worker 1"});
  }
  SECTION("which a second stop kills") {
    CHECK(farm.stop(true).commands == Lines{"kill on worker 1: 1.1"});
    CHECK(farm.end(1, attempt(1, 1), Killed{}).commands == Lines{"discard output of 1.1", "drain worker 1"});
  }
  CHECK(farm.phase() == Phase::closing);
  CHECK(farm.scheduler().counts().unfinished() >= 2);
}

TEST_CASE("a stop may say when what still executes is to be killed, and that once") {
  Farm farm;
  farm.add_workers(1);
  farm.submit(1);
  farm.handle(event::StopRequested{StopReason::rollover, false, farm.now() + 2s});
  farm.pass(1s);
  CHECK(farm.tick().commands.empty());
  CHECK(farm.scheduler().next_deadline() == farm.now() + 1s);
  CHECK(farm.tick_after(1s).commands == Lines{"kill on worker 1: 1.1"});
  CHECK(farm.tick().commands.empty());
  CHECK(farm.scheduler().next_deadline() > farm.now());
}

TEST_CASE("a time limit starts nothing that cannot finish, and ends what has not") {
  Policy policy = strict_policy();
  policy.time_request = 3s;
  Farm farm(policy);
  farm.add_workers(1);
  farm.handle(event::TimeLimited{farm.now() + 4s});
  CHECK(farm.submit(1).commands == Lines{"ticket for worker 1: 1.1"});
  farm.pass(1001ms);
  CHECK(farm.submit(1).facts == Lines{"task 2 of owner 0 accepted: true", "dispatch stopped: time_limit"});
  CHECK(farm.tick_after(2999ms).commands == Lines{"kill on worker 1: 1.1"});
}

TEST_CASE("a run that waits for input ends with its time as well") {
  Farm farm;
  farm.add_workers(1);
  farm.handle(event::TimeLimited{farm.now() + 4s});
  const Farm::Answer answer = farm.tick_after(4s);
  CHECK(answer.facts == Lines{"dispatch stopped: time_limit, kill", "worker 1 draining"});
  CHECK(answer.commands == Lines{"drain worker 1"});
  CHECK(farm.scheduler().next_deadline() > farm.now());
}

TEST_CASE("a halt policy stops the run when its number is reached") {
  Policy policy = strict_policy();
  policy.retry.max_retries = 0;
  policy.halt.num = 1;
  policy.halt.when = GENERATE(HaltPolicy::When::soon, HaltPolicy::When::now);
  Farm farm(policy);
  farm.add_workers(2);
  farm.submit(3);
  farm.start(2, attempt(2, 1));
  const Farm::Answer answer = farm.end(1, attempt(1, 1), Exited{1});
  if (policy.halt.when == HaltPolicy::When::now)
    CHECK(answer.commands == Lines{"deliver task 1 failed by 1.1", "kill on worker 2: 2.1"});
  else
    CHECK(answer.commands == Lines{"deliver task 1 failed by 1.1"});
  CHECK(farm.scheduler().stop_reason() == StopReason::halt_policy);
}

TEST_CASE("no more tasks are wanted than may queue") {
  Policy policy = strict_policy();
  policy.max_queued_tasks = GENERATE(1U, 10U, 100U, 100'000U);
  Farm farm(policy);
  CHECK(farm.scheduler().num_wanted_tasks() > 0);
  CHECK(farm.scheduler().num_wanted_tasks() <= policy.max_queued_tasks);
  farm.submit(farm.scheduler().num_wanted_tasks());
  CHECK(farm.scheduler().num_wanted_tasks() == 0);
}

TEST_CASE("a queue with too many bytes wants no more tasks") {
  Policy policy = strict_policy();
  policy.max_queued_bytes = 8;
  Farm farm(policy);
  farm.submit(1);
  CHECK(farm.scheduler().num_wanted_tasks() > 0);
  farm.submit(1);
  CHECK(farm.scheduler().num_wanted_tasks() == 0);
}
