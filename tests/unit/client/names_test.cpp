#include <string>
#include <vector>

#include "drover/cli/client/host_slots.hpp"
#include "drover/cli/client/number_ranges.hpp"
#include "drover/cli/client/targets.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::cli;
using namespace drover::control;
using namespace drover::core;
using drover::UsageError;

namespace {

std::string error_of(const std::string& hostfile) {
  try {
    (void)parse_hostfile(hostfile, "hosts");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

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

TEST_CASE("lists of hosts") {
  CHECK(parse_host_slots("a") == std::vector<HostSlots>{{"a", 1}});
  CHECK(parse_host_slots("a:8,b:4,a:2") == std::vector<HostSlots>{{"a", 10}, {"b", 4}});
  for (const char* bad : {"", ",", "a,", ",a", "a:", "a:0", "a:x", ":8", "a:65537", "a:8 ,b"})
    CHECK_THROWS_AS(parse_host_slots(bad), UsageError);
}

TEST_CASE("host files") {
  const std::string text =
      "# our machines\n"
      "node1 slots=8\n"
      "\n"
      "  node2   slots = 4   max_slots=2 # small\r\n"
      "node3\n"
      "node1 slots=1\n"
      "10.0.0.7 max-slots=16 slots=3";
  CHECK(parse_hostfile(text, "hosts") ==
        std::vector<HostSlots>{{"node1", 9}, {"node2", 2}, {"node3", 1}, {"10.0.0.7", 3}});
  CHECK(parse_hostfile("# nothing\n", "hosts").empty());
  CHECK(error_of("a slots=2\nb slots=x\n").find("hosts:2: 'x' is not a number of slots") == 0);
  CHECK(error_of("a sockets=2\n").find("hosts:1: 'sockets=2' is not a setting of a host") == 0);
  CHECK(error_of("a b\n").find("hosts:1: 'b'") == 0);
  CHECK(error_of("slots=4\n").find("hosts:1: 'slots=4' comes before a host") == 0);
  CHECK_THROWS_AS(read_hostfile("/nowhere/at/all"), UsageError);
  CHECK_THROWS_AS(read_hostfile("/dev/null"), UsageError);
  CHECK_THROWS_AS(read_hostfile("/"), UsageError);
}
