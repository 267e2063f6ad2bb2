#include "drover/runtime/departure.hpp"

#include <csignal>

#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

core::AttemptResult result(core::Outcome outcome) {
  core::AttemptResult result;
  result.attempt = {core::TaskId(1), 1};
  result.outcome = std::move(outcome);
  return result;
}

const core::Time kStart{1000s};
const core::Outcome kTerminated = core::Signaled{SIGTERM};
const core::Outcome kKilled = core::Killed{};

/// What is certain at a time, as outcomes.
std::vector<core::Outcome> settled(runtime::Departure& departure, core::Time now) {
  std::vector<core::Outcome> outcomes;
  for (const core::AttemptResult& result : departure.settle(now)) outcomes.push_back(result.outcome);
  return outcomes;
}

}  // namespace

TEST_CASE("what ends by itself is certain at once") {
  runtime::Departure departure;
  departure.take(result(core::Exited{3}), kStart);
  CHECK(settled(departure, kStart) == std::vector<core::Outcome>{core::Exited{3}});
  CHECK(settled(departure, kStart).empty());
  CHECK_FALSE(departure.next_deadline());
}

TEST_CASE("a command that is terminated alone has failed, a moment later") {
  runtime::Departure departure;
  departure.take(result(kTerminated), kStart);
  CHECK(settled(departure, kStart).empty());
  REQUIRE(departure.next_deadline());
  CHECK(settled(departure, *departure.next_deadline()) == std::vector<core::Outcome>{kTerminated});
}

TEST_CASE("one that is terminated with its worker has not, whichever hears of it first") {
  runtime::Departure departure;
  const core::Outcome outcome = GENERATE(core::Outcome(core::Signaled{SIGTERM}), core::Outcome(core::Exited{143}),
                                         core::Outcome(core::Signaled{SIGUSR1}));
  const int signal = outcome == core::Outcome(core::Signaled{SIGUSR1}) ? SIGUSR1 : SIGTERM;
  SECTION("the command") {
    departure.take(result(outcome), kStart);
    departure.note_signal(signal, kStart + 50ms);
    CHECK(settled(departure, kStart + 50ms) == std::vector<core::Outcome>{kKilled});
  }
  SECTION("the worker") {
    departure.note_signal(signal, kStart);
    departure.take(result(outcome), kStart + 50ms);
    CHECK(settled(departure, kStart + 50ms) == std::vector<core::Outcome>{kKilled});
  }
}

TEST_CASE("a worker that was told to terminate takes every failure for a consequence, and no success") {
  runtime::Departure departure;
  departure.note_signal(SIGTERM, kStart);
  departure.take(result(core::Exited{1}), kStart + 3s);
  departure.take(result(core::Exited{0}), kStart + 3s);
  CHECK(settled(departure, kStart + 3s) == std::vector<core::Outcome>{kKilled, core::Exited{0}});
}

TEST_CASE("a signal of long ago explains nothing") {
  runtime::Departure departure;
  departure.note_signal(SIGUSR1, kStart);
  departure.take(result(core::Signaled{SIGUSR1}), kStart + 10s);
  CHECK(settled(departure, kStart + 20s) == std::vector<core::Outcome>{core::Signaled{SIGUSR1}});
}
