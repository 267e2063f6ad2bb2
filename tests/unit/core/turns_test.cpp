// Which task goes first, and who leaves room to whom.

#include "drover/core/scheduler.hpp"
#include "drover/core/worker_machine.hpp"
#include "support/catch.hpp"

using namespace drover::core;
using namespace std::chrono_literals;

namespace {

TaskSpec spec_of(const std::string& name, std::uint8_t priority, std::uint16_t depth) {
  TaskSpec spec;
  spec.kind = TaskKind::function;
  spec.payload = name;
  spec.priority = priority;
  spec.depth = depth;
  return spec;
}

/// The strict pattern: what is dispatched is what goes first.
Policy strict() {
  Policy policy;
  policy.credit.fixed_per_slot = 0;
  return policy;
}

std::vector<std::string> dispatched(const Outbox& outbox) {
  std::vector<std::string> names;
  for (const Command& command : outbox.commands)
    if (const auto* ticket = std::get_if<command::SendTicket>(&command))
      for (const Assignment& assignment : ticket->assignments) names.push_back(assignment.spec.payload);
  return names;
}

Scheduler with_worker(std::uint32_t num_slots) {
  Scheduler scheduler(strict());
  (void)scheduler.handle(event::GroupFormed{GroupSource::world, 1, ""}, Time{});
  (void)scheduler.handle(event::WorkerAnnounced{WorkerId(1), "here", 1, num_slots}, Time{});
  return scheduler;
}

AttemptResult success(AttemptId attempt, Duration runtime) {
  AttemptResult result;
  result.attempt = attempt;
  result.runtime = runtime;
  return result;
}

template <class T>
std::vector<T> of_type(const std::vector<WorkerCommand>& commands) {
  std::vector<T> found;
  for (const WorkerCommand& command : commands)
    if (const auto* one = std::get_if<T>(&command)) found.push_back(*one);
  return found;
}

std::vector<Assignment> assignments(std::uint64_t first, std::uint64_t num, TaskKind kind, std::uint32_t n = 1) {
  std::vector<Assignment> all;
  for (std::uint64_t task = first; task < first + num; ++task) {
    all.push_back({AttemptId{TaskId(task), n}, spec_of("f", kNormalPriority, 0), OwnerId(0)});
    all.back().spec.kind = kind;
  }
  return all;
}

}  // namespace

TEST_CASE("the highest priority goes first, within it the deepest, and then who came first") {
  Scheduler scheduler(strict());
  (void)scheduler.handle(
      event::TasksSubmitted{OwnerId(0),
                            {spec_of("a", 10, 0), spec_of("b", 10, 0), spec_of("urgent", 200, 0),
                             spec_of("deep", 10, 2), spec_of("deeper", 10, 3), spec_of("last", 0, 9)}},
      Time{});
  (void)scheduler.handle(event::GroupFormed{GroupSource::world, 1, ""}, Time{});
  const Outbox outbox = scheduler.handle(event::WorkerAnnounced{WorkerId(1), "here", 1, 6}, Time{});
  CHECK(dispatched(outbox) == std::vector<std::string>{"urgent", "deeper", "deep", "a", "b", "last"});
  CHECK(scheduler.check_invariants().empty());
}

TEST_CASE("an attempt that waits for others leaves room for them") {
  Scheduler scheduler = with_worker(1);
  const AttemptId parent{TaskId(1), 1};
  CHECK(dispatched(scheduler.handle(event::TasksSubmitted{OwnerId(0), {spec_of("parent", 1, 0)}}, Time{})).size() == 1);
  CHECK(dispatched(scheduler.handle(event::TasksSubmitted{owner_of(WorkerId(1)), {spec_of("child", 1, 1)}}, Time{}))
            .empty());
  CHECK(dispatched(scheduler.handle(event::WorkerReported{WorkerId(1), {parent}, {}, {}, 1}, Time{})) ==
        std::vector<std::string>{"child"});
  CHECK(scheduler.check_invariants().empty());

  SECTION("and takes it again when it goes on") {
    (void)scheduler.handle(event::WorkerReported{WorkerId(1), {}, {}, {}, 0}, Time{});
    (void)scheduler.handle(event::TasksSubmitted{OwnerId(0), {spec_of("other", 1, 0)}}, Time{});
    CHECK(dispatched(
              scheduler.handle(event::WorkerReported{WorkerId(1), {}, {success({TaskId(2), 1}, 1ms)}, {}, 0}, Time{}))
              .empty());
    CHECK(dispatched(scheduler.handle(event::WorkerReported{WorkerId(1), {}, {success(parent, 1ms)}, {}, 0}, Time{})) ==
          std::vector<std::string>{"other"});
  }
}

TEST_CASE("on a worker, an attempt that waits gives its slot to the next and goes on beside it") {
  WorkerMachine machine({.num_slots = 1}, Time{});
  auto commands = machine.handle(worker_event::TicketArrived{assignments(1, 2, TaskKind::function)}, Time{});
  REQUIRE(of_type<worker_command::Start>(commands).size() == 1);
  commands = machine.handle(worker_event::AttemptWaits{{TaskId(1), 1}, true}, Time{});
  REQUIRE(of_type<worker_command::Start>(commands).size() == 1);
  CHECK(of_type<worker_command::Start>(commands)[0].assignment.attempt.task == TaskId(2));
  CHECK(of_type<worker_command::Report>(commands).at(0).num_waiting == 1);
  commands = machine.handle(worker_event::AttemptWaits{{TaskId(1), 1}, false}, Time{});
  CHECK(of_type<worker_command::Report>(commands).at(0).num_waiting == 0);
  CHECK(machine.check_invariants().empty());
  (void)machine.handle(worker_event::AttemptEnded{success({TaskId(1), 1}, 1ms)}, Time{});
  CHECK(machine.check_invariants().empty());
  (void)machine.handle(worker_event::AttemptEnded{success({TaskId(2), 1}, 1ms)}, Time{});
  CHECK(machine.check_invariants().empty());
  CHECK(machine.num_running() == 0);
}

TEST_CASE("functions that take little are started ahead of their turn") {
  WorkerMachine machine({.num_slots = 1, .max_ahead = 8}, Time{});
  (void)machine.handle(worker_event::TicketArrived{assignments(1, 1, TaskKind::function)}, Time{});
  const auto num_started = [&](Duration runtime, std::vector<Assignment> next) {
    (void)machine.handle(worker_event::AttemptEnded{success({TaskId(1), 1}, runtime)}, Time{});
    return of_type<worker_command::Start>(machine.handle(worker_event::TicketArrived{std::move(next)}, Time{})).size();
  };
  SECTION("as many as there may be") {
    CHECK(num_started(1us, assignments(2, 20, TaskKind::function)) == 9);
  }
  SECTION("as many as are worth a moment") {
    CHECK(num_started(1600us, assignments(2, 20, TaskKind::function)) == 3);
  }
  SECTION("one if they are still short") {
    CHECK(num_started(5ms, assignments(2, 20, TaskKind::function)) == 2);
  }
  SECTION("not if they take long") {
    CHECK(num_started(50ms, assignments(2, 20, TaskKind::function)) == 1);
  }
  SECTION("not commands") {
    CHECK(num_started(1us, assignments(2, 20, TaskKind::command)) == 1);
  }
  SECTION("not if an attempt failed before, or took its worker along") {
    CHECK(num_started(1us, assignments(2, 20, TaskKind::function, 2)) == 1);
  }
  CHECK(machine.check_invariants().empty());
}

TEST_CASE("what was started ahead ends in any order, and slots are neither lost nor doubled") {
  WorkerMachine machine({.num_slots = 2, .max_ahead = 4}, Time{});
  (void)machine.handle(worker_event::TicketArrived{assignments(1, 1, TaskKind::function)}, Time{});
  (void)machine.handle(worker_event::AttemptEnded{success({TaskId(1), 1}, 1us)}, Time{});
  (void)machine.handle(worker_event::TicketArrived{assignments(2, 8, TaskKind::function)}, Time{});
  REQUIRE(machine.num_running() == 8);
  for (const std::uint64_t task : {9U, 2U, 5U, 3U, 8U, 4U, 7U, 6U}) {
    (void)machine.handle(worker_event::AttemptEnded{success({TaskId(task), 1}, 1us)}, Time{});
    CHECK(machine.check_invariants().empty());
  }
  CHECK(machine.num_running() == 0);
}

TEST_CASE("the master knows whether a worker has nothing to do") {
  Policy policy;
  policy.credit.fixed_per_slot = 2;
  Scheduler scheduler(policy);
  (void)scheduler.handle(event::GroupFormed{GroupSource::world, 1, ""}, Time{});
  (void)scheduler.handle(event::WorkerAnnounced{WorkerId(1), "here", 1, 1}, Time{});
  CHECK(scheduler.has_idle_slots());
  const TaskSpec spec = spec_of("x", kNormalPriority, 0);
  (void)scheduler.handle(event::TasksSubmitted{OwnerId(0), {spec, spec, spec, spec}}, Time{});
  CHECK_FALSE(scheduler.has_idle_slots());
  for (std::uint64_t task = 1; task <= 4; ++task)
    (void)scheduler.handle(event::WorkerReported{WorkerId(1), {}, {success({TaskId(task), 1}, 10ms)}, {}, 0}, Time{});
  CHECK(scheduler.has_idle_slots());
}

TEST_CASE("a worker where many attempts wait gets a task for a free slot, and none ahead") {
  Policy policy;
  policy.credit.fixed_per_slot = 100;
  Scheduler scheduler(policy);
  (void)scheduler.handle(event::GroupFormed{GroupSource::world, 1, ""}, Time{});
  (void)scheduler.handle(event::WorkerAnnounced{WorkerId(1), "here", 1, 1}, Time{});
  (void)scheduler.handle(
      event::TasksSubmitted{OwnerId(0), std::vector<TaskSpec>(500, spec_of("x", kNormalPriority, 0))}, Time{});
  const auto num_held = [&] { return scheduler.workers().at(0).num_held; };
  const auto wait = [&](std::uint32_t num) {
    (void)scheduler.handle(event::WorkerReported{WorkerId(1), {}, {}, {}, num}, Time{});
  };
  CHECK(num_held() == 101);
  wait(64);
  CHECK(num_held() == 101 + 64);
  wait(65);
  CHECK(num_held() == 101 + 64);
  wait(101 + 64);
  CHECK(num_held() == 101 + 65);
  CHECK(scheduler.check_invariants().empty());
}
