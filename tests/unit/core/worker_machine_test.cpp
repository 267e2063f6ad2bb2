#include "drover/core/worker_machine.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "unit/core/farm.hpp"

using namespace drover::core;
using namespace drover::test;

namespace {

constexpr Duration kHeartbeat = std::chrono::seconds(1);
constexpr Duration kMasterLease = std::chrono::seconds(30);

std::string list(const char* what, const std::vector<AttemptId>& attempts) {
  std::string all;
  for (const AttemptId attempt : attempts) all += std::string(all.empty() ? what : "") + " " + text(attempt);
  return all.empty() ? "" : all + ";";
}

std::string words(const worker_command::Report& report) {
  std::vector<AttemptId> ended;
  for (const AttemptResult& result : report.ended) ended.push_back(result.attempt);
  return "say " + list("started", report.started) + list("ended", ended) + list("back", report.handed_back);
}
std::string words(const worker_command::Start& start) {
  return "start " + text(start.assignment.attempt) + " on slot " + std::to_string(start.slot);
}
std::string words(const worker_command::Stop& stop) {
  return "stop " + text(stop.attempt);
}
std::string words(const worker_command::Leave&) {
  return "leave";
}
std::string words(const worker_command::Abandon&) {
  return "abandon";
}

/// A worker machine, a clock and all that it wants done, in words.
class Hand {
 public:
  explicit Hand(std::uint32_t num_slots = 1, std::uint32_t max_ahead = 0)
      : machine_({num_slots, kHeartbeat, kMasterLease, max_ahead}, Time{}) {}

  Lines handle(const WorkerEvent& event) {
    Lines lines;
    for (const WorkerCommand& command : machine_.handle(event, now_))
      lines.push_back(std::visit([](const auto& c) { return words(c); }, command));
    REQUIRE(machine_.check_invariants().empty());
    return lines;
  }
  Lines ticket(const std::vector<AttemptId>& attempts, TaskKind kind = TaskKind::command) {
    worker_event::TicketArrived event;
    TaskSpec spec;
    spec.kind = kind;
    for (const AttemptId attempt : attempts) event.assignments.push_back({attempt, spec, {}});
    return handle(event);
  }
  Lines end(AttemptId attempt, Duration runtime = {}) {
    AttemptResult ended = result(attempt, Exited{0});
    ended.runtime = runtime;
    return handle(worker_event::AttemptEnded{ended});
  }
  Lines tick_after(Duration time) {
    now_ += time;
    return handle(worker_event::Ticked{});
  }

  [[nodiscard]] const WorkerMachine& machine() const { return machine_; }
  [[nodiscard]] Time now() const { return now_; }

 private:
  WorkerMachine machine_;
  Time now_{};
};

}  // namespace

TEST_CASE("attempts start in order as slots are free, each announced before") {
  Hand hand(2);
  CHECK(hand.ticket({attempt(1, 1), attempt(2, 1), attempt(3, 1)}) ==
        Lines{"say started 1.1 2.1;", "start 1.1 on slot 1", "start 2.1 on slot 2"});
  CHECK(hand.end(attempt(2, 1)) == Lines{"say started 3.1;ended 2.1;", "start 3.1 on slot 2"});
  CHECK(hand.end(attempt(1, 1)) == Lines{"say ended 1.1;"});
  CHECK(hand.end(attempt(3, 1)) == Lines{"say ended 3.1;"});
}

TEST_CASE("short functions are started ahead of their turn, as many as are worth it") {
  const std::vector<AttemptId> some{attempt(2, 1), attempt(3, 1), attempt(4, 2), attempt(5, 1)};
  const auto started_after_one_of = [&](Duration runtime, TaskKind kind, std::uint32_t max_ahead) {
    Hand hand(1, max_ahead);
    hand.ticket({attempt(1, 1)}, kind);
    hand.end(attempt(1, 1), runtime);
    CHECK(hand.machine().work_ahead() == Duration::zero());
    const Lines lines = hand.ticket(some, kind);
    CHECK(hand.machine().work_ahead() == 3 * runtime);
    return lines.size() - 1;
  };
  CHECK(started_after_one_of(10us, TaskKind::function, 64) == 2);  // not what has been tried before
  CHECK(started_after_one_of(10us, TaskKind::function, 0) == 1);
  CHECK(started_after_one_of(20ms, TaskKind::function, 64) == 2);
  CHECK(started_after_one_of(21ms, TaskKind::function, 64) == 1);
  CHECK(started_after_one_of(10us, TaskKind::command, 64) == 1);
}

TEST_CASE("nothing is ahead of what others wait for") {
  Hand hand;
  hand.ticket({attempt(1, 1)}, TaskKind::function);
  hand.end(attempt(1, 1), 10us);
  hand.ticket({attempt(2, 1), attempt(3, 1), attempt(4, 1)}, TaskKind::function);
  CHECK(hand.machine().work_ahead() == 20us);
  hand.handle(worker_event::AttemptWaits{attempt(2, 1), true});
  CHECK(hand.machine().work_ahead() == Duration::zero());
  hand.handle(worker_event::AttemptWaits{attempt(2, 1), false});
  CHECK(hand.machine().work_ahead() > Duration::zero());
}

TEST_CASE("one that was started ahead gets the slot that is free first") {
  Hand hand(1, 2);
  hand.ticket({attempt(1, 1)}, TaskKind::function);
  hand.end(attempt(1, 1), 1us);
  CHECK(hand.ticket({attempt(2, 1), attempt(3, 1), attempt(4, 1), attempt(5, 1)}, TaskKind::function) ==
        Lines{"say started 2.1 3.1 4.1;", "start 2.1 on slot 1", "start 3.1 on slot 0", "start 4.1 on slot 0"});
  CHECK(hand.end(attempt(2, 1), 1us) == Lines{"say started 5.1;ended 2.1;", "start 5.1 on slot 0"});
}

TEST_CASE("an end that nobody waits for says nothing") {
  Hand hand;
  CHECK(hand.end(attempt(1, 1)).empty());
}

TEST_CASE("a recall gives back what has not begun, and is answered in any case") {
  Hand hand;
  hand.ticket({attempt(1, 1), attempt(2, 1), attempt(3, 1)});
  CHECK(hand.handle(worker_event::RecallArrived{{attempt(1, 1), attempt(3, 1), attempt(9, 1)}}) ==
        Lines{"say back 3.1;"});
  CHECK(hand.handle(worker_event::RecallArrived{{attempt(1, 1)}}) == Lines{"say "});
  CHECK(hand.end(attempt(1, 1)) == Lines{"say started 2.1;ended 1.1;", "start 2.1 on slot 1"});
}

TEST_CASE("a kill ends what executes and gives back what does not") {
  Hand hand;
  hand.ticket({attempt(1, 1), attempt(2, 1)});
  CHECK(hand.handle(worker_event::KillArrived{{attempt(1, 1), attempt(2, 1), attempt(9, 1)}}) ==
        Lines{"say back 2.1;", "stop 1.1"});
  CHECK(hand.end(attempt(1, 1)) == Lines{"say ended 1.1;"});
}

TEST_CASE("a draining worker finishes what executes, gives back the rest and leaves") {
  Hand hand;
  hand.ticket({attempt(1, 1), attempt(2, 1)});
  CHECK(hand.handle(worker_event::DrainArrived{false}) == Lines{"say back 2.1;"});
  CHECK(hand.machine().is_draining());
  CHECK(hand.ticket({attempt(3, 1)}) == Lines{"say back 3.1;"});
  CHECK(hand.end(attempt(1, 1)) == Lines{"say ended 1.1;", "leave"});
  CHECK(hand.ticket({attempt(4, 1)}).empty());
  CHECK(hand.tick_after(10 * kMasterLease).empty());
}

TEST_CASE("drained now, a worker ends what executes too") {
  Hand hand(2);
  hand.ticket({attempt(1, 1), attempt(2, 1)});
  CHECK(hand.handle(worker_event::DrainArrived{true}) == Lines{"stop 1.1", "stop 2.1"});
  CHECK(hand.end(attempt(2, 1)) == Lines{"say ended 2.1;"});
  CHECK(hand.end(attempt(1, 1)) == Lines{"say ended 1.1;", "leave"});
}

TEST_CASE("a worker with nothing leaves at once when drained") {
  Hand hand;
  CHECK(hand.handle(worker_event::DrainArrived{false}) == Lines{"leave"});
}

TEST_CASE("something is said every heartbeat, and only then") {
  Hand hand;
  CHECK(hand.machine().next_deadline() == hand.now() + kHeartbeat);
  CHECK(hand.tick_after(kHeartbeat / 2).empty());
  CHECK(hand.tick_after(kHeartbeat / 2) == Lines{"say "});
  CHECK(hand.tick_after(kHeartbeat / 2).empty());
  hand.ticket({attempt(1, 1)});
  CHECK(hand.tick_after(kHeartbeat / 2).empty());  // what was said counts
  CHECK(hand.tick_after(kHeartbeat / 2) == Lines{"say "});
}

TEST_CASE("a worker leaves a master that is silent for too long") {
  Hand hand;
  for (Duration silence{}; silence < kMasterLease - kHeartbeat; silence += kHeartbeat)
    CHECK(hand.tick_after(kHeartbeat) == Lines{"say "});
  SECTION("unless it says something") {
    hand.handle(worker_event::MasterHeard{});
    CHECK(hand.tick_after(kHeartbeat) == Lines{"say "});
  }
  SECTION("and ends what it executes") {
    CHECK(hand.tick_after(kHeartbeat) == Lines{"abandon"});
    CHECK(hand.tick_after(kHeartbeat).empty());
  }
}

TEST_CASE("a worker that was frozen hears its master out first") {
  Hand hand;
  hand.tick_after(kHeartbeat);
  CHECK(hand.tick_after(10 * kMasterLease) == Lines{"say "});
  CHECK(hand.machine().next_deadline() > hand.now());
}

TEST_CASE("a worker has at least one slot") {
  Hand hand(0);
  CHECK(hand.ticket({attempt(1, 1)}) == Lines{"say started 1.1;", "start 1.1 on slot 1"});
}
