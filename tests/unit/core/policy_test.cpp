#include "drover/core/policy.hpp"

#include <cerrno>
#include <csignal>
#include <limits>

#include "drover/core/outcome.hpp"
#include "support/catch.hpp"

using namespace drover::core;
using namespace std::chrono_literals;

TEST_CASE("a halt policy counts what it is about") {
  HaltPolicy halt;
  halt.num = 2;
  CHECK_FALSE(halt.is_reached(10, 10, 10));  // never
  halt.when = HaltPolicy::When::soon;
  CHECK_FALSE(halt.is_reached(10, 9, 1));
  CHECK(halt.is_reached(10, 0, 2));
  halt.what = HaltPolicy::What::success;
  CHECK_FALSE(halt.is_reached(10, 1, 9));
  CHECK(halt.is_reached(10, 2, 0));
  halt.what = HaltPolicy::What::done;
  CHECK_FALSE(halt.is_reached(10, 1, 0));
  CHECK(halt.is_reached(10, 1, 1));
}

TEST_CASE("a halt policy in per cent is about what was accepted so far") {
  HaltPolicy halt;
  halt.when = HaltPolicy::When::now;
  halt.percent = 10;
  CHECK_FALSE(halt.is_reached(0, 0, 0));
  CHECK_FALSE(halt.is_reached(11, 0, 1));
  CHECK(halt.is_reached(10, 0, 1));
}

TEST_CASE("the pause before a retry doubles up to its longest") {
  RetryPolicy retry;
  retry.first_delay = 1s;
  retry.longest_delay = 5s;
  CHECK(retry.delay(1) == 1s);
  CHECK(retry.delay(2) == 2s);
  CHECK(retry.delay(3) == 4s);
  CHECK(retry.delay(4) == 5s);
  CHECK(retry.delay(std::numeric_limits<std::uint32_t>::max()) == 5s);
  retry.first_delay = 0s;
  CHECK(retry.delay(1000) == 0s);
  retry.first_delay = 10s;
  CHECK(retry.delay(1) == 5s);
}

TEST_CASE("credit is work for the horizon, a fair share, and bounded") {
  CreditPolicy credit;
  CHECK(credit.per_slot(std::nullopt, 1000, 1) == 0);  // nothing is known yet
  CHECK(credit.per_slot(1ms, 1000, 0) == 0);
  CHECK(credit.per_slot(1ms, 1000, 4) == 50);
  CHECK(credit.per_slot(1ms, 100, 4) == 12);  // near the end of the queue
  CHECK(credit.per_slot(1ms, 7, 4) == 0);
  CHECK(credit.per_slot(1us, 1'000'000, 4) == 512);
  CHECK(credit.per_slot(0ns, 1'000'000, 4) == 512);
  CHECK(credit.per_slot(1h, 1'000'000, 4) == 0);
  credit.fixed_per_slot = 3;
  CHECK(credit.per_slot(std::nullopt, 0, 0) == 3);
}

TEST_CASE("outcomes in words and numbers") {
  struct Case {
    Outcome outcome;
    std::string name;
    std::string words;
    int exit_value;
    int signal_value;
  };
  const Case cases[] = {
      {Exited{3}, "exited", "exit status 3", 3, 0},
      {Signaled{SIGKILL}, "signaled", "killed by signal 9 (SIGKILL)", 0, SIGKILL},
      {Signaled{12345}, "signaled", "killed by signal 12345", 0, 12345},
      {TimedOut{SIGTERM}, "timed_out", "timed out", -1, SIGTERM},
      {NotStarted{ENOENT, "no /bin/x"}, "not_started", "could not start: no /bin/x", 127, 0},
      {NotStarted{E2BIG, "too long"}, "not_started", "could not start: too long", 126, 0},
      {Killed{}, "killed", "killed by drover", -1, SIGTERM},
  };
  for (const Case& c : cases) {
    CAPTURE(c.words);
    CHECK(outcome_name(c.outcome) == c.name);
    CHECK(describe(c.outcome) == c.words);
    CHECK(exit_value(c.outcome) == c.exit_value);
    CHECK(signal_value(c.outcome) == c.signal_value);
  }
}
