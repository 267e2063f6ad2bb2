#include "drover/runtime/child_process.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

ChildProcess::Options shell(const std::string& script) {
  ChildProcess::Options options;
  options.command = {"sh", "-c", script};
  return options;
}

template <class Condition>
bool wait_for(ChildProcess& child, Condition condition) {
  const auto deadline = now() + 20s;
  while (now() < deadline) {
    child.poll();
    if (condition()) return true;
    std::vector<pollfd> polled;
    for (const int fd : child.fds()) polled.push_back({fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), 1000);
  }
  return false;
}

bool wait_for_end(ChildProcess& child) {
  return wait_for(child, [&] { return child.has_ended(); });
}

bool is_alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("its output and its end are seen") {
  ChildProcess child(shell("echo out; echo err >&2; exit 3"));
  REQUIRE(wait_for_end(child));
  CHECK(describe_wait_status(child.wait_status()) == "exit status 3");
  CHECK(child.output().find("out\n") != std::string::npos);
  CHECK(child.output().find("err\n") != std::string::npos);
}

TEST_CASE("it sees the environment that it is to see") {
  ::setenv("DROVER_TEST_KEPT", "kept", 1);
  ::setenv("DROVER_TEST_LEFT_OUT", "x", 1);
  ChildProcess::Options options = shell("echo \"$DROVER_TEST_KEPT,$DROVER_TEST_LEFT_OUT,$DROVER_TEST_NEW\"");
  options.unset = {"DROVER_TEST_LEFT"};
  options.env = {"DROVER_TEST_NEW=new"};
  ChildProcess child(options);
  REQUIRE(wait_for_end(child));
  CHECK(child.output() == "kept,,new\n");
}

TEST_CASE("of long output the last is kept") {
  ChildProcess child(shell("seq 100000"));
  REQUIRE(wait_for_end(child));
  CHECK(child.output().size() < 100'000);
  CHECK(child.output().ends_with("99999\n100000\n"));
}

TEST_CASE("it ends with its owner, and what it started does too") {
  pid_t grandchild = 0;
  pid_t pid = 0;
  {
    ChildProcess::Options options = shell("trap '' TERM; sleep 1000 & echo $!; wait");
    options.end_grace = 50ms;
    ChildProcess child(options);
    REQUIRE(wait_for(child, [&] { return child.output().ends_with("\n"); }));
    grandchild = std::stoi(child.output());
    pid = child.pid();
    REQUIRE(is_alive(pid));
  }
  CHECK_FALSE(is_alive(pid));
  // An orphan is reaped by whoever adopts it, a moment later.
  const auto deadline = now() + 20s;
  while (is_alive(grandchild) && now() < deadline) ::usleep(1000);
  CHECK_FALSE(is_alive(grandchild));
}

TEST_CASE("it ends when its owner is killed") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    ChildProcess child(shell("exec sleep 1000"));
    const pid_t pid = child.pid();
    (void)!::write(ends[1], &pid, sizeof pid);
    ::kill(::getpid(), SIGKILL);
  }
  ::close(ends[1]);
  pid_t child = 0;
  REQUIRE(::read(ends[0], &child, sizeof child) == sizeof child);
  ::close(ends[0]);
  REQUIRE(::waitpid(owner, nullptr, 0) == owner);
  const auto deadline = now() + 20s;
  while (is_alive(child) && now() < deadline) ::usleep(1000);
  CHECK_FALSE(is_alive(child));
}

TEST_CASE("a program that is not there is an error that names it") {
  ChildProcess::Options options;
  options.command = {"no-such-program-of-drover"};
  std::string said;
  try {
    const ChildProcess child(options);
  } catch (const drover::Error& e) {
    said = e.what();
  }
  CHECK(said.find("no-such-program-of-drover") != std::string::npos);
}
