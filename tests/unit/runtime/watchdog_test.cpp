#include "drover/runtime/watchdog.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "support/catch.hpp"

using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

struct Ended {
  int wait_status = 0;
  std::string said;  ///< on stderr
};

/// Runs `body` in a process of its own, which it is not to outlive.
template <class Body>
Ended run_in_process(Body body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::alarm(30);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  Ended ended;
  std::array<char, 256> buffer{};
  for (ssize_t num = 0; (num = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    ended.said.append(buffer.data(), static_cast<std::size_t>(num));
  ::close(ends[0]);
  REQUIRE(::waitpid(pid, &ended.wait_status, 0) == pid);
  return ended;
}

}  // namespace

TEST_CASE("a call that hangs ends the process, which says what hung") {
  const Ended ended = run_in_process([] {
    Watchdog watchdog([](const std::string& line) {
      const std::string logged = "[log] " + line + "\n";
      (void)!::write(STDERR_FILENO, logged.data(), logged.size());
    });
    const Watchdog::Guard guard = watchdog.watch("MPI_Comm_connect", 20ms);
    ::pause();
  });
  REQUIRE(WIFEXITED(ended.wait_status));
  CHECK(WEXITSTATUS(ended.wait_status) == 125);
  CHECK(ended.said ==
        "drover: MPI_Comm_connect has not ended within 20ms: this process gives up\n"
        "[log] MPI_Comm_connect has not ended within 20ms: this process gives up\n");
}

TEST_CASE("the exit status of a process that gives up can be chosen") {
  const Ended ended = run_in_process([] {
    Watchdog watchdog({});
    const Watchdog::Guard guard = watchdog.watch("MPI_Finalize", 1ms, 7);
    ::pause();
  });
  CHECK(WEXITSTATUS(ended.wait_status) == 7);
}

TEST_CASE("calls that end in time are nobody's business, even with another limit after them") {
  const Ended ended = run_in_process([] {
    Watchdog watchdog({});
    for (int i = 0; i < 100; ++i) const Watchdog::Guard guard = watchdog.watch("a call", 10s);
    { const Watchdog::Guard guard = watchdog.watch("another call", 50ms); }
    ::usleep(100'000);
  });
  CHECK(WIFEXITED(ended.wait_status));
  CHECK(WEXITSTATUS(ended.wait_status) == 0);
  CHECK(ended.said.empty());
}
