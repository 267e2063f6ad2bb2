#include "drover/core/snapshot.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "drover/core/scheduler.hpp"
#include "support/catch.hpp"

using namespace drover::core;
using namespace std::chrono_literals;

namespace {

/// A scheduler, a clock, and all that it did.
class Run {
 public:
  explicit Run(Policy policy, Snapshot start = {}) : scheduler_(policy, std::move(start)) {}

  std::vector<Command> handle(const Event& event) {
    now_ += 1ms;
    Outbox outbox = scheduler_.handle(event, now_);
    facts_.insert(facts_.end(), outbox.facts.begin(), outbox.facts.end());
    REQUIRE(scheduler_.check_invariants().empty());
    return outbox.commands;
  }
  void submit(const std::vector<std::string>& commands) {
    event::TasksSubmitted event;
    for (const std::string& command : commands) event.tasks.push_back({TaskKind::command, command, {}, {}});
    handle(event);
  }
  /// A group of one, which is there at once.
  std::vector<Command> announce(std::uint32_t worker) {
    handle(event::GroupFormed{GroupSource::spawn, 1, ""});
    return handle(event::WorkerAnnounced{WorkerId(worker), "host", 1, 1});
  }
  void start(std::uint32_t worker, std::uint64_t task, std::uint32_t n) {
    handle(event::WorkerReported{WorkerId(worker), {{TaskId(task), n}}, {}, {}});
  }
  void end(std::uint32_t worker, std::uint64_t task, std::uint32_t n, int code) {
    AttemptResult result;
    result.attempt = {TaskId(task), n};
    result.outcome = Exited{code};
    handle(event::WorkerReported{WorkerId(worker), {}, {result}, {}});
  }

  Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] const std::vector<Fact>& facts() const { return facts_; }

 private:
  Scheduler scheduler_;
  Time now_{};
  std::vector<Fact> facts_;
};

Policy strict() {
  Policy policy;
  policy.credit.fixed_per_slot = 0;
  policy.retry.max_retries = 3;
  return policy;
}

/// Two workers; of five tasks one succeeded, one failed and waits, two are out, one was in a dead worker.
Run eventful_run() {
  Run run(strict());
  run.submit({"a", "b", "c", "d", "e"});
  run.announce(1);
  run.announce(2);
  run.end(1, 1, 1, 0);
  run.start(2, 2, 1);
  run.end(2, 2, 1, 9);
  run.start(1, 3, 1);
  run.handle(event::WorkerFailed{WorkerId(1), "gone"});
  run.announce(3);
  run.handle(event::InputEnded{});
  return run;
}

std::vector<AttemptId> sent(const std::vector<Command>& commands) {
  std::vector<AttemptId> attempts;
  for (const Command& command : commands)
    if (const auto* ticket = std::get_if<command::SendTicket>(&command))
      for (const Assignment& assignment : ticket->assignments) attempts.push_back(assignment.attempt);
  return attempts;
}

}  // namespace

TEST_CASE("a snapshot has what is unfinished, in order, with what it has been through") {
  const Snapshot snapshot = eventful_run().scheduler().snapshot();
  CHECK(snapshot.totals.accepted == 5);
  CHECK(snapshot.totals.succeeded == 1);
  CHECK(snapshot.totals.workers_lost == 1);
  CHECK(snapshot.totals.dispatched == 0);
  CHECK(snapshot.is_input_ended);
  CHECK(snapshot.next_worker == WorkerId(4));
  CHECK(snapshot.next_group == GroupId(3));
  REQUIRE(snapshot.unfinished.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(snapshot.unfinished[i].id == TaskId(i + 2));
  CHECK(snapshot.unfinished[0].num_failures == 1);
  CHECK(snapshot.unfinished[1].num_worker_kills == 1);
  CHECK(snapshot.unfinished[3].spec.payload == "e");
}

TEST_CASE("replaying any prefix of a run's facts gives the snapshot it had there") {
  const Run run = eventful_run();
  Scheduler live(strict());
  for (std::size_t length = 0; length <= run.facts().size(); ++length) {
    Scheduler replayed(strict());
    for (std::size_t i = 0; i < length; ++i) replayed.apply(run.facts()[i]);
    if (length > 0) live.apply(run.facts()[length - 1]);
    CHECK(replayed.snapshot() == live.snapshot());
  }
  CHECK(live.snapshot() == eventful_run().scheduler().snapshot());
}

TEST_CASE("a scheduler goes on from a snapshot") {
  const Snapshot snapshot = eventful_run().scheduler().snapshot();
  Run resumed(strict(), snapshot);
  CHECK(resumed.scheduler().snapshot() == snapshot);
  CHECK(resumed.scheduler().counts().ready == 4);
  CHECK(resumed.scheduler().num_workers() == 0);

  SECTION("dispatching what was out, with the number that follows") {
    CHECK(sent(resumed.announce(4)) == std::vector<AttemptId>{{TaskId(2), 2}});
    CHECK(sent(resumed.announce(5)) == std::vector<AttemptId>{{TaskId(3), 3}});
    CHECK(sent(resumed.announce(6)) == std::vector<AttemptId>{{TaskId(4), 2}});
  }
  SECTION("charging nothing for having been out when the master ended") {
    for (const UnfinishedTask& task : snapshot.unfinished)
      CHECK(task.num_worker_kills == (task.id == TaskId(3) ? 1 : 0));
  }
  SECTION("to the end") {
    resumed.announce(4);
    for (std::uint64_t task = 2; task <= 5; ++task)
      resumed.end(4, task, snapshot.unfinished[task - 2].num_attempts + 1, 0);
    CHECK(resumed.scheduler().counts().succeeded == 5);
    CHECK(resumed.scheduler().phase() == Scheduler::Phase::closing);
  }
}

TEST_CASE("a task whose cancellation the old master did not see through is not dispatched again") {
  Run run(strict());
  run.submit({"a", "b"});
  run.announce(1);
  run.start(1, 1, 1);
  run.handle(event::CancelRequested{{TaskId(1)}});
  const Snapshot snapshot = run.scheduler().snapshot();
  REQUIRE(snapshot.unfinished.at(0).is_cancelled);
  Run resumed(strict(), snapshot);
  CHECK(sent(resumed.announce(2)) == std::vector<AttemptId>{{TaskId(2), 1}});
  CHECK(resumed.scheduler().counts().cancelled == 1);
}

TEST_CASE("a finished run has nothing to go on with") {
  Run run(strict());
  run.submit({"a"});
  run.announce(1);
  run.end(1, 1, 1, 0);
  run.handle(event::InputEnded{});
  Run resumed(strict(), run.scheduler().snapshot());
  CHECK(resumed.handle(event::Ticked{}).empty());
  CHECK(resumed.scheduler().phase() == Scheduler::Phase::closed);
}

TEST_CASE("an unclaimed task goes on once somebody submits it again") {
  Run run(strict());
  run.submit({"a", "b"});
  Snapshot snapshot = run.scheduler().snapshot();
  for (UnfinishedTask& task : snapshot.unfinished) task.is_unclaimed = true;
  Policy policy = strict();
  policy.max_queued_tasks = 1;
  Run resumed(policy, snapshot);
  CHECK(sent(resumed.announce(1)).empty());
  CHECK(resumed.scheduler().num_unclaimed() == 2);
  CHECK(resumed.scheduler().num_wanted_tasks() == 1);  // they leave their room to others
  CHECK(resumed.scheduler().has_queue_room());
  CHECK(resumed.scheduler().snapshot().unfinished == snapshot.unfinished);
  const OwnerId owner = owner_of(WorkerId(7));
  CHECK(sent(resumed.handle(event::TasksClaimed{owner, {TaskId(2)}})) == std::vector<AttemptId>{{TaskId(2), 1}});
  CHECK(resumed.scheduler().owner(TaskId(2)) == owner);
  CHECK(sent(resumed.handle(event::TasksClaimed{owner, {TaskId(2)}})).empty());
  resumed.handle(event::CancelRequested{{TaskId(1)}});
  CHECK(resumed.scheduler().counts().cancelled == 1);
  CHECK(resumed.scheduler().num_unclaimed() == 0);
}
