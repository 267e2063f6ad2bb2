#include "drover/support/duration.hpp"

#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using drover::support::exact_duration;
using drover::support::format_duration;
using drover::support::parse_duration;

TEST_CASE("durations are read as people write them") {
  CHECK(parse_duration("10") == 10s);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("200ms") == 200ms);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("2d") == 48h);
  CHECK(parse_duration("0") == 0s);
}

TEST_CASE("what is not a duration is refused by name") {
  for (const char* bad :
       {"", "x", "-1", "5x", "1h30", "1..5s", "s", "1e400d", "99999999999d", "36500d", "3651d", "315360000.1s"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_duration(bad), drover::UsageError);
  }
}

TEST_CASE("the longest duration leaves room for sums, and what would not fit stops there") {
  using drover::support::bounded;
  using drover::support::kLongestDuration;
  using drover::support::plus;
  using drover::support::times;
  constexpr auto kMost = std::chrono::nanoseconds::max();
  CHECK(parse_duration("3650d") == kLongestDuration);
  CHECK(kLongestDuration <= kMost / 29);
  CHECK(bounded(kMost) == kLongestDuration);
  CHECK(bounded(std::chrono::nanoseconds::min()) == 0ns);
  CHECK(bounded(5s) == 5s);
  CHECK(times(2s, 3) == 6s);
  CHECK(times(2s, 0) == 0s);
  CHECK(times(kLongestDuration, 64) == kMost);
  CHECK(times(1ns, ~std::uint64_t{0}) == kMost);
  CHECK(plus(1s, 2s) == 3s);
  CHECK(plus(kMost, 1ns) == kMost);
  CHECK(plus(kMost - 1ns, 1ns) == kMost);
  CHECK_THROWS_WITH(parse_duration("36500d"), "'36500d' is too long a duration; the longest is 3650d");
}

TEST_CASE("durations are printed for people") {
  CHECK(format_duration(850ms) == "850ms");
  CHECK(format_duration(12300ms) == "12.3s");
  CHECK(format_duration(245s) == "4m05s");
  CHECK(format_duration(2h + 7min) == "2h07m");
  CHECK(format_duration(50h) == "2d02h");
}

TEST_CASE("the exact form is short, and read as the same duration") {
  CHECK(exact_duration(0s) == "0");
  CHECK(exact_duration(200ms) == "200ms");
  CHECK(exact_duration(5s) == "5s");
  CHECK(exact_duration(1500ms) == "1.5s");
  CHECK(exact_duration(90min) == "1h30m");
  CHECK(exact_duration(61050ms) == "1m1.05s");
  for (const std::chrono::nanoseconds duration :
       {1ns, 1500ns, 250us + 0ns, 999ms + 0ns, 59s + 999ms + 0ns, 49h + 3s + 0ns}) {
    INFO(exact_duration(duration));
    CHECK(parse_duration(exact_duration(duration)) == duration);
  }
}
