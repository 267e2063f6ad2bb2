// Workers and groups as the scheduler sees them: how they come, what their loss costs, how they go.
#include <string>

#include "support/catch.hpp"
#include "unit/core/farm.hpp"

using namespace drover::core;
using namespace drover::test;
using Phase = Scheduler::Phase;

namespace {

constexpr Duration kLease = std::chrono::seconds(10);

Policy with_credit(std::uint32_t credit) {
  Policy policy = strict_policy();
  policy.credit.fixed_per_slot = credit;
  policy.lease = kLease;
  return policy;
}

Policy growing(std::uint32_t max_workers) {
  Policy policy = strict_policy();
  policy.scale.max_workers = max_workers;
  policy.scale.local_host = "host1";
  return policy;
}

Policy respawning(std::uint32_t max_respawns) {
  Policy policy = strict_policy();
  policy.scale.max_respawns = max_respawns;
  policy.scale.local_host = "host1";
  return policy;
}

}  // namespace

TEST_CASE("a worker that announces itself is made welcome, with the lowest job slots that are free") {
  Farm farm;
  CHECK(farm.form_group(3).facts == Lines{"group 0 (world) formed: 3 workers from 1"});
  Farm::Answer answer = farm.announce(1, 4);
  CHECK(answer.facts == Lines{"worker 1 joined on host1 with job slots 1-4"});
  CHECK(answer.commands == Lines{"welcome worker 1"});
  CHECK(farm.announce(2, 2).facts == Lines{"worker 2 joined on host1 with job slots 5-6"});
  CHECK(farm.announce(2, 2).commands.empty());
  farm.fail(1);
  CHECK(farm.announce(3, 3).facts == Lines{"worker 3 joined on host1 with job slots 1-3"});
  CHECK(farm.scheduler().num_slots() == 5);
}

TEST_CASE("only members of a group that has come are workers") {
  Farm farm;
  CHECK(farm.announce(1).commands == Lines{"fence worker 1"});
  farm.form_group(1);
  CHECK(farm.announce(1).commands == Lines{"welcome worker 1"});
  CHECK(farm.announce(2).commands == Lines{"fence worker 2"});
}

TEST_CASE("members that never announce themselves are given up, and their group with them") {
  Farm farm;
  farm.form_group(2);
  farm.announce(1);
  for (int i = 0; i < 59; ++i) {
    farm.pass(1s);
    farm.beat(1);
    CHECK(farm.tick().facts.empty());
  }
  farm.beat(1);
  CHECK(farm.tick_after(1s).facts == Lines{"worker 2 ended: lost did not announce itself in time"});
  CHECK(farm.leave(1).facts == Lines{"worker 1 ended: drained ", "group 0 ended: lost"});
}

TEST_CASE("a lost worker is charged for what it executed, and for nothing else") {
  Farm farm(with_credit(1));
  farm.add_workers(2);
  farm.submit(4);
  farm.start(1, attempt(1, 1));
  const Farm::Answer answer = farm.fail(1);
  CHECK(answer.facts ==
        Lines{"1.1 lost with worker 1, charged", "3.1 lost with worker 1", "worker 1 ended: lost died"});
  CHECK(answer.commands == Lines{"discard output of 1.1", "discard output of 3.1", "forget worker 1"});
  CHECK(farm.succeed(2, attempt(2, 1)).commands ==
        Lines{"deliver task 2 succeeded by 2.1", "ticket for worker 2: 1.2"});
}

TEST_CASE("a worker lost without a word is charged for what it was to begin first") {
  Farm farm(with_credit(1));
  farm.add_workers(1);
  farm.submit(2);
  CHECK(farm.fail(1).facts == Lines{"1.1 lost with worker 1, charged", "2.1 lost with worker 1",
                                    "worker 1 ended: lost died", "group 0 ended: lost"});
}

TEST_CASE("a task that kills its workers is quarantined, the others are not") {
  Farm farm(with_credit(1));
  farm.submit(2);
  for (std::uint32_t n = 1; n <= 3; ++n) {
    farm.add_workers(1);
    farm.start(n, attempt(1, n));
    if (n < 3) farm.fail(n);
  }
  const Farm::Answer answer = farm.fail(3);
  CHECK(answer.facts == Lines{"1.3 lost with worker 3, charged", "task 1 quarantined", "2.3 lost with worker 3",
                              "worker 3 ended: lost died", "group 2 ended: lost"});
  CHECK(answer.commands == Lines{"discard output of 1.3", "deliver task 1 quarantined by 1.0", "discard output of 2.3",
                                 "forget worker 3", "release group 2"});
}

TEST_CASE("a silent worker is lost when its lease is over, not before") {
  Farm farm(with_credit(0));
  farm.add_workers(2);
  for (int i = 0; i < 9; ++i) {
    farm.pass(1s);
    farm.beat(1);
    CHECK(farm.tick().facts.empty());
  }
  farm.pass(1s);
  farm.beat(1);
  const Farm::Answer answer = farm.tick();
  CHECK(answer.facts == Lines{"worker 2 ended: lost not heard for the length of its lease"});
  CHECK(farm.beat(2).commands == Lines{"fence worker 2"});
}

TEST_CASE("a pause of the master's own costs no worker its lease") {
  Farm farm(with_credit(0));
  farm.add_workers(1);
  farm.tick();
  CHECK(farm.tick_after(10 * kLease).facts.empty());
  farm.pass(kLease / 4);
  CHECK(farm.tick().facts.empty());
  for (int i = 0; i < 3; ++i) farm.tick_after(kLease / 4);
  CHECK(farm.scheduler().num_workers() == 0);
}

TEST_CASE("draining: nothing more is given, and goodbye ends it") {
  Farm farm;
  farm.add_workers(2);
  Farm::Answer answer = farm.handle(event::DrainRequested{{WorkerId(1), WorkerId(9)}, false});
  CHECK(answer.facts == Lines{"worker 1 draining"});
  CHECK(answer.commands == Lines{"drain worker 1"});
  CHECK(farm.handle(event::DrainRequested{{WorkerId(1)}, false}).commands.empty());
  CHECK(farm.handle(event::DrainRequested{{WorkerId(1)}, true}).commands == Lines{"drain worker 1 now"});
  CHECK(farm.submit(2).commands == Lines{"ticket for worker 2: 1.1"});
  CHECK(farm.leave(1).facts == Lines{"worker 1 ended: drained "});
}

TEST_CASE("of large tasks a worker holds few ahead of its slots") {
  const auto num_dispatched = [](std::size_t num_bytes) {
    Farm farm(with_credit(8));
    farm.add_workers(1);
    event::TasksSubmitted submitted{OwnerId(0), {}};
    for (int i = 0; i < 12; ++i) submitted.tasks.push_back({TaskKind::function, std::string(num_bytes, 'x'), {}, {}});
    farm.handle(submitted);
    return farm.scheduler().counts().dispatched;
  };
  CHECK(num_dispatched(10) == 9);
  CHECK(num_dispatched(6'000'000) == 3);
  CHECK(num_dispatched(50'000'000) == 2);
}

TEST_CASE("an idle worker gets half of what a loaded one has not begun") {
  Farm farm(with_credit(4));
  farm.add_workers(1);
  farm.submit(5);
  farm.start(1, attempt(1, 1));
  farm.form_group(1);
  CHECK(farm.announce(2).commands == Lines{"welcome worker 2", "recall from worker 1: 5.1 4.1"});
  CHECK(farm.tick().commands.empty());  // the answer is awaited
  CHECK(farm.report(1, {}, {}, {attempt(5, 1), attempt(4, 1)}).commands ==
        Lines{"discard output of 5.1", "discard output of 4.1", "ticket for worker 2: 4.2 5.2"});
  CHECK(farm.succeed(2, attempt(4, 2)).commands == Lines{"deliver task 4 succeeded by 4.2"});
  CHECK(farm.succeed(2, attempt(5, 2)).commands ==
        Lines{"deliver task 5 succeeded by 5.2", "recall from worker 1: 3.1"});
}

TEST_CASE("a group that had nothing to do for long is let go, unless it came with the world") {
  Policy policy = strict_policy();
  policy.scale.idle_timeout = 5s;
  Farm farm(policy);
  farm.add_workers(1, GroupSource::world);
  farm.add_workers(1, GroupSource::join);
  farm.submit(2);
  farm.pass(4s);
  farm.beat(1);
  farm.beat(2);
  farm.tick();
  farm.succeed(1, attempt(1, 1));
  farm.succeed(2, attempt(2, 1));
  farm.pass(4s);
  farm.beat(1);
  CHECK(farm.tick().facts.empty());
  farm.beat(2);
  CHECK(farm.tick_after(1s).commands == Lines{"drain worker 2"});
}

TEST_CASE("what a member had counts for its group, also once it is lost") {
  Policy policy = strict_policy();
  policy.scale.idle_timeout = 5s;
  policy.max_worker_kills = 1;
  Farm farm(policy);
  farm.form_group(2, GroupSource::join);
  farm.announce(1);
  SECTION("an attempt") {
    farm.announce(2);
    farm.pass(4s);
    farm.beat(1);
    farm.submit(1);
    CHECK(farm.fail(1).facts.back() == "worker 1 ended: lost died");
  }
  SECTION("its coming") {
    farm.pass(4s);
    farm.announce(2);
    CHECK(farm.fail(1).facts.back() == "worker 1 ended: lost died");
  }
  farm.pass(4s);
  farm.beat(2);
  CHECK(farm.tick().commands.empty());
  CHECK(farm.tick_after(1s).commands == Lines{"drain worker 2"});
}

TEST_CASE("a group that comes as the run closes is sent away, and waited for") {
  Farm farm;
  farm.end_input();
  CHECK(farm.phase() == Phase::closed);
  farm.form_group(1);
  CHECK(farm.phase() == Phase::closing);
  CHECK(farm.announce(1).commands == Lines{"fence worker 1"});
  CHECK(farm.leave(1).commands == Lines{"forget worker 1", "release group 0"});
  CHECK(farm.phase() == Phase::closed);
}

TEST_CASE("a host that loses one worker after the other is given no more work") {
  Policy policy = strict_policy();
  policy.max_host_losses = 2;
  policy.max_worker_kills = 100;
  Farm farm(policy);
  farm.form_group(4);
  for (std::uint32_t worker = 1; worker <= 3; ++worker) farm.announce(worker, 1, "bad");

  SECTION("if there is another") {
    farm.announce(4, 1, "good");
    farm.fail(1);
    CHECK(farm.fail(2).facts == Lines{"worker 2 ended: lost died",
                                      "bad quarantined: lost 2 workers with no success in between",
                                      "worker 3 draining"});
    farm.form_group(1);
    CHECK(farm.announce(5, 1, "bad").commands == Lines{"fence worker 5"});
  }
  SECTION("if nothing succeeded there in between") {
    farm.announce(4, 1, "good");
    farm.submit(1);
    farm.fail(2);
    farm.succeed(1, attempt(1, 1));
    CHECK(farm.fail(3).facts == Lines{"worker 3 ended: lost died"});
  }
  SECTION("not if the run would end with it") {
    farm.fail(1);
    CHECK(farm.fail(2).facts == Lines{"worker 2 ended: lost died"});
  }
}

TEST_CASE("a backlog asks for workers, one request at a time") {
  Farm farm(growing(4));
  farm.add_workers(1);
  Farm::Answer answer = farm.submit(3);
  CHECK(answer.facts.back() == "1.1 dispatched to worker 1");
  CHECK(answer.commands == Lines{"grow by 3", "ticket for worker 1: 1.1"});
  CHECK(farm.submit(10).commands.empty());
  CHECK(farm.scheduler().expects_workers());
  farm.add_workers(3, GroupSource::spawn);
  CHECK_FALSE(farm.scheduler().expects_workers());
  CHECK(farm.tick_after(9s).commands.empty());  // there are as many as may be
}

TEST_CASE("a request that fails is repeated, later each time") {
  Farm farm(growing(4));
  CHECK(farm.submit(3).commands == Lines{"grow by 3"});
  CHECK(farm.handle(event::GrowthFailed{"no slots"}).facts == Lines{"growth failed: no slots"});
  CHECK(farm.tick_after(9s).commands.empty());
  CHECK(farm.tick_after(1s).commands == Lines{"grow by 3"});
  farm.handle(event::GrowthFailed{"no slots"});
  CHECK(farm.tick_after(19s).commands.empty());
  CHECK(farm.tick_after(1s).commands == Lines{"grow by 3"});
}

TEST_CASE("a request that nobody answers counts as failed") {
  Farm farm(growing(4));
  farm.submit(1);
  CHECK(farm.tick_after(119s).facts.empty());
  CHECK(farm.scheduler().next_deadline() <= farm.now() + 1s);
  CHECK(farm.tick_after(1s).facts == Lines{"growth failed: no answer to the request in time"});
}

TEST_CASE("nothing is asked for on a host that is quarantined") {
  Policy policy = growing(4);
  policy.scale.max_respawns = 4;
  policy.max_host_losses = 1;
  Farm farm(policy);
  farm.form_group(2);
  farm.announce(1, 1, "host1");
  farm.announce(2, 1, "host2");
  CHECK(farm.fail(1).facts.back() == "host1 quarantined: lost 1 workers with no success in between");
  CHECK_FALSE(farm.scheduler().expects_workers());
  CHECK(farm.submit(10).commands == Lines{"ticket for worker 2: 1.1"});
}

TEST_CASE("lost workers of the master's host are replaced, so many over the run") {
  Farm farm(respawning(2));
  farm.form_group(4);
  for (std::uint32_t worker = 1; worker <= 3; ++worker) farm.announce(worker);
  farm.announce(4, 1, "host2");
  farm.fail(1);
  farm.fail(4);  // of another host
  CHECK(farm.tick().commands.empty());
  CHECK(farm.tick_after(1s).commands == Lines{"grow by 1"});
  farm.fail(2);  // while the answer is awaited
  farm.fail(3);
  CHECK(farm.handle(event::GrowthFailed{"no slots"}).commands.empty());
  CHECK(farm.tick_after(60s).commands == Lines{"grow by 1"});
  farm.handle(event::GrowthFailed{"no slots"});
  CHECK_FALSE(farm.scheduler().expects_workers());
}

TEST_CASE("a run with work and without workers waits for some, not for ever") {
  Farm farm;
  farm.submit(1);
  farm.pass(299s);
  CHECK(farm.tick().facts.empty());
  CHECK(farm.tick_after(1s).facts == Lines{"dispatch stopped: no_workers"});
  CHECK(farm.phase() == Phase::closed);
}

TEST_CASE("waiting for workers starts anew with each request for some") {
  Policy policy = growing(1);
  policy.worker_wait = 15s;
  Farm farm(policy);
  farm.submit(1);
  farm.pass(14s);
  farm.handle(event::GrowthFailed{"no slots"});
  CHECK(farm.tick_after(14s).commands == Lines{"grow by 1"});
  farm.pass(14s);
  CHECK(farm.handle(event::GrowthFailed{"no slots"}).facts == Lines{"growth failed: no slots"});
  CHECK(farm.tick_after(14s).facts.empty());
}

TEST_CASE("before a pause of the master's, workers are given enough for it") {
  Policy policy = strict_policy();
  policy.credit = {};
  Farm farm(policy);
  farm.add_workers(1);
  farm.submit(20);
  farm.report(1, {attempt(1, 1)}, {result(attempt(1, 1), Exited{0}, 1s)});
  CHECK(farm.handle(event::PauseAhead{3s}).commands == Lines{"ticket for worker 1: 3.1 4.1 5.1 6.1"});
  CHECK(farm.tick().commands.empty());
}
