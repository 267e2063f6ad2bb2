#include "drover/control/host_slots.hpp"

#include <string>
#include <vector>

#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::control;
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

std::string error_of_list(const std::string& text) {
  try {
    (void)parse_host_slots(text);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("lists of hosts") {
  CHECK(parse_host_slots("a") == std::vector<HostSlots>{{"a", 1}});
  CHECK(parse_host_slots("a:8,b:4,a:2") == std::vector<HostSlots>{{"a", 10}, {"b", 4}});
  for (const char* bad : {"", ",", "a,", ",a", "a:", "a:0", "a:x", ":8", "a:65537", "a b", "a:8 b:8", "a:8:8"})
    CHECK_THROWS_AS(parse_host_slots(bad), UsageError);
  CHECK(has(error_of_list("a:8,b:x"), "'x' is not a number of slots"));
}

TEST_CASE("blanks around the entries of a list of hosts mean nothing") {
  const std::vector<HostSlots> both{{"a", 8}, {"b", 4}};
  for (const char* text : {"a:8, b:4", " a:8 ,b:4 ", "a:8,\n b:4\n", "a:8,\tb:4"})
    CHECK(parse_host_slots(text) == both);
}

TEST_CASE("IPv6 addresses are in brackets where slots may follow") {
  CHECK(parse_host_slots("[fd00::1]:8,[fd00::2],[fe80::1%eth0]:2") ==
        std::vector<HostSlots>{{"fd00::1", 8}, {"fd00::2", 1}, {"fe80::1%eth0", 2}});
  for (const char* bad : {"fd00::1:8", "fd00::1"}) CHECK(has(error_of_list(bad), "in brackets, as in [fd00::1]:8"));
  for (const char* bad : {"[]:8", "[a]:8", "[fd00::1]8", "[fd00::1", "fd00::1]:8", "[fe80::1%-x y]:2"})
    CHECK_THROWS_AS(parse_host_slots(bad), UsageError);
  CHECK(parse_hostfile("fd00::1 slots=4\n[fd00::2] slots=2\n[fd00::3]:5\n", "hosts") ==
        std::vector<HostSlots>{{"fd00::1", 4}, {"fd00::2", 2}, {"fd00::3", 5}});
}

TEST_CASE("what was parsed can be written and parsed again") {
  for (const char* text : {"a:8,b:1", "[fd00::1]:8,me@[fd00::2]:1", "me@node5.example.org:3"})
    CHECK(format_host_slots(parse_host_slots(text)) == text);
}

TEST_CASE("a name of a host is no option, no shell's words, and has nothing invisible") {
  for (const char* good :
       {"node5", "node_5", "10.0.0.7", "fd00::1", "fe80::1%eth0", "me@node5", "xn--bcher-kva.example"})
    CHECK(host_name_fault(good).empty());
  for (const char* bad : {"-oProxyCommand=id", "-v", "me@-v", "-l@node5"})
    CHECK(has(host_name_fault(bad), "begins like an option"));
  for (const char* bad : {"", "@node5", "me@"}) CHECK(has(host_name_fault(bad), "names no host"));
  for (const char* bad : {"a b", "a;b", "$(id)", "a\nb", "a,b", "a/b", "a'b", "a:8", "me@you@node5"})
    CHECK(has(host_name_fault(bad), "is not the name or address of a host"));
  CHECK(has(error_of_list("-oProxyCommand=id:4"), "begins like an option"));
  CHECK(has(error_of("-x slots=1\n"), "hosts:1: '-x' is not the name of a host: it begins like an option"));
  CHECK(has(error_of("a\n\xef\xbb\xbf"
                     "b\n"),
            R"(hosts:2: '\xef\xbb\xbfb' is not the name)"));
}

TEST_CASE("a host, and what follows its colon") {
  CHECK(split_host("node5").host == "node5");
  CHECK_FALSE(split_host("node5").has_rest);
  const HostAndRest path = split_host("me@node5:/runs/a:b[1]");
  CHECK(path.host == "me@node5");
  CHECK(path.rest == "/runs/a:b[1]");
  CHECK(split_host("me@[fd00::1]:run").host == "me@fd00::1");
  CHECK(split_host("[fd00::1]").host == "fd00::1");
  for (const char* bad : {"-oProxyCommand=id", "-x:run", ":run", ""}) CHECK_THROWS_AS(split_host(bad), UsageError);
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
  CHECK(parse_hostfile("\xef\xbb\xbf# by an editor\na:4\n", "hosts") == std::vector<HostSlots>{{"a", 4}});
  CHECK(parse_hostfile("\xef\xbb\xbf"
                       "a slots=2\n",
                       "hosts") == std::vector<HostSlots>{{"a", 2}});
  CHECK(error_of("a slots=2\nb slots=x\n").find("hosts:2: 'x' is not a number of slots") == 0);
  CHECK(error_of("a sockets=2\n").find("hosts:1: 'sockets=2' is not a setting of a host") == 0);
  CHECK(error_of("a b\n").find("hosts:1: 'b'") == 0);
  CHECK(error_of("slots=4\n").find("hosts:1: 'slots=4' comes before a host") == 0);
  CHECK_THROWS_AS(read_hostfile("/nowhere/at/all"), UsageError);
  CHECK_THROWS_AS(read_hostfile("/dev/null"), UsageError);
  CHECK_THROWS_AS(read_hostfile("/"), UsageError);
}
