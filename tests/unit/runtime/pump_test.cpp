#include "drover/runtime/pump.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "drover/support/unique_fd.hpp"
#include "support/catch.hpp"

using drover::support::UniqueFd;

namespace {

/// A pump between two pipes and a socket, on a thread of its own.
struct Pumping {
  Pumping() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    from.reset(ends[0]);
    said.reset(ends[1]);
    REQUIRE(::pipe(ends.data()) == 0);
    heard.reset(ends[0]);
    to.reset(ends[1]);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
    ::signal(SIGPIPE, SIG_IGN);
    thread = std::thread([this] { error = drover::runtime::pump(from.get(), to.get(), theirs.get()); });
  }
  ~Pumping() {
    ours.reset();
    if (thread.joinable()) thread.join();
  }
  Pumping(const Pumping&) = delete;
  Pumping& operator=(const Pumping&) = delete;

  UniqueFd from, said, heard, to, ours, theirs;
  int error = -1;
  std::thread thread;
};

/// What comes next; empty at the end.
std::string next(int fd) {
  std::array<char, 64> buffer{};
  const ssize_t num = ::read(fd, buffer.data(), buffer.size());
  return {buffer.data(), static_cast<std::size_t>(num > 0 ? num : 0)};
}

}  // namespace

TEST_CASE("bytes go both ways, and an end on one side leaves the other open") {
  Pumping it;
  REQUIRE(::write(it.said.get(), "ask", 3) == 3);
  CHECK(next(it.ours.get()) == "ask");
  it.said.reset();
  CHECK(next(it.ours.get()).empty());
  REQUIRE(::write(it.ours.get(), "answer", 6) == 6);
  CHECK(next(it.heard.get()) == "answer");
}

TEST_CASE("when nobody listens any more, the socket is shut down although it is held elsewhere") {
  Pumping it;
  it.heard.reset();
  it.thread.join();
  CHECK(it.error == 0);
  pollfd polled{it.ours.get(), 0, 0};
  CHECK(::poll(&polled, 1, 0) == 1);
  CHECK((polled.revents & POLLHUP) != 0);
}
