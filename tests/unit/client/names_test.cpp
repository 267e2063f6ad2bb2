#include <string>
#include <vector>

#include "drover/cli/client/number_ranges.hpp"
#include "drover/cli/client/targets.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::cli;
using namespace drover::control;
using namespace drover::core;
using drover::UsageError;

TEST_CASE("task numbers and ranges") {
  CHECK(parse_task_ranges("7") == std::vector<TaskRange>{{TaskId(7), TaskId(7)}});
  CHECK(parse_task_ranges("1,4-6") == std::vector<TaskRange>{{TaskId(1), TaskId(1)}, {TaskId(4), TaskId(6)}});
  CHECK(parse_task_ranges("18446744073709551615").front().last.value == 18446744073709551615ULL);
  for (const char* bad : {"", "0", "a", "1-", "-1", "3-2", "1,", ",1", "1 ", "1-2-3", "+1", "18446744073709551616"})
    CHECK_THROWS_AS(parse_task_ranges(bad), UsageError);
  CHECK(format_ranges(parse_task_ranges("1,4-6")) == "1,4-6");
  CHECK(format_ranges({}).empty());
  std::vector<TaskRange> ranges;
  append_range(ranges, {TaskId(1), TaskId(3)});
  append_range(ranges, {TaskId(4), TaskId(4)});
  append_range(ranges, {TaskId(9), TaskId(10)});
  CHECK(format_ranges(ranges) == "1-4,9-10");
}

TEST_CASE("what is to be drained") {
  CHECK(std::get<GroupId>(parse_drain_target("group:0")) == GroupId(0));
  CHECK(std::get<WorkerId>(parse_drain_target("rank:12")) == WorkerId(12));
  CHECK(std::get<HostName>(parse_drain_target("node5")).name == "node5");
  CHECK(std::get<HostName>(parse_drain_target("host:5")).name == "5");
  CHECK(std::get<HostName>(parse_drain_target("10.0.0.5")).name == "10.0.0.5");
  for (const char* bad : {"", "5", "group:", "group:x", "rank:-1", "rank:1x", "host:", "group:4294967296"})
    CHECK_THROWS_AS(parse_drain_target(bad), UsageError);
}

TEST_CASE("what is to be explained") {
  CHECK(std::get<TaskId>(parse_subject("12")) == TaskId(12));
  CHECK(std::get<TaskId>(parse_subject("task:12")) == TaskId(12));
  CHECK(std::get<HostName>(parse_subject("node12")).name == "node12");
  CHECK(std::get<HostName>(parse_subject("host:12")).name == "12");
  for (const char* bad : {"", "task:", "task:x", "host:"}) CHECK_THROWS_AS(parse_subject(bad), UsageError);
}
