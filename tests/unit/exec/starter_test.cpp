#include "drover/exec/starter.hpp"

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

core::Time now() {
  return core::Time(std::chrono::steady_clock::now().time_since_epoch());
}

exec::StartOrder order(std::uint64_t task) {
  return {{core::TaskId(task), 1}, "command " + std::to_string(task), {}};
}

exec::Spawned started(const exec::StartOrder& order) {
  exec::Spawned spawned;
  spawned.pid = static_cast<pid_t>(1000 + order.attempt.task.value);
  return spawned;
}

exec::Spawned failed(const char* call, int errno_value) {
  exec::Spawned spawned;
  spawned.failed_call = call;
  spawned.errno_value = errno_value;
  return spawned;
}

/// The next births, so many; fewer after a minute.
std::vector<exec::Birth> wait_for_births(exec::Starter& starter, std::size_t num) {
  std::vector<exec::Birth> births;
  const core::Time limit = now() + 60s;
  while (births.size() < num && now() < limit) {
    pollfd polled{starter.fd(), POLLIN, 0};
    (void)::poll(&polled, 1, 10);
    for (exec::Birth& birth : starter.take()) births.push_back(std::move(birth));
  }
  return births;
}

}  // namespace

TEST_CASE("who asks for a start does not wait for it, and slow ones go on side by side") {
  // Shared with the threads, which may outlive this test.
  struct Door {
    std::atomic<bool> is_open = false;
    std::atomic<int> num_inside = 0;
  };
  const auto door = std::make_shared<Door>();
  exec::Starter starter([door](const exec::StartOrder& order) {
    ++door->num_inside;
    while (!door->is_open) std::this_thread::sleep_for(1ms);
    return started(order);
  });
  for (std::uint64_t task = 1; task <= 4; ++task) starter.submit(order(task));
  // All four are being started at once, although none has come to an end: nobody was kept waiting.
  const core::Time limit = now() + 60s;
  while (door->num_inside < 4 && now() < limit) {
    CHECK(starter.take().empty());
    std::this_thread::sleep_for(1ms);
  }
  CHECK(door->num_inside == 4);
  door->is_open = true;
  CHECK(wait_for_births(starter, 4).size() == 4);
}

TEST_CASE("a start that fails for what the host lacks is put off until it does not") {
  for (const int reason : {EMFILE, ENFILE, EAGAIN, ENOMEM}) {
    const auto num_tries = std::make_shared<std::atomic<int>>(0);
    exec::Starter starter([num_tries, reason](const exec::StartOrder& order) {
      return ++*num_tries < 3 ? failed("pipe", reason) : started(order);
    });
    starter.submit(order(1));
    const std::vector<exec::Birth> births = wait_for_births(starter, 1);
    REQUIRE(births.size() == 1);
    CHECK(births[0].spawned.pid == 1001);
    CHECK_FALSE(births[0].is_given_up);
    CHECK(*num_tries == 3);
    CHECK(starter.obstacle().empty());
  }
}

TEST_CASE("a start that fails for what the host lacks is given up in the end, and says why meanwhile") {
  exec::Starter::Limits limits;
  limits.patience = 100ms;
  limits.first_pause = 1ms;
  exec::Starter starter([](const exec::StartOrder&) { return failed("pipe", EMFILE); }, limits);
  starter.submit(order(1));
  const std::vector<exec::Birth> births = wait_for_births(starter, 1);
  REQUIRE(births.size() == 1);
  CHECK(births[0].is_given_up);
  CHECK(births[0].spawned.pid == -1);
  CHECK(starter.obstacle() == "pipe: Too many open files");
}

TEST_CASE("a start that fails for what the command is comes back at once") {
  const auto num_tries = std::make_shared<std::atomic<int>>(0);
  exec::Starter starter([num_tries](const exec::StartOrder&) {
    ++*num_tries;
    return failed("exec", E2BIG);
  });
  starter.submit(order(1));
  const std::vector<exec::Birth> births = wait_for_births(starter, 1);
  REQUIRE(births.size() == 1);
  CHECK_FALSE(births[0].is_given_up);
  CHECK(births[0].spawned.errno_value == E2BIG);
  CHECK(*num_tries == 1);
}

TEST_CASE("what has not begun can be withdrawn") {
  const auto is_open = std::make_shared<std::atomic<bool>>(false);
  exec::Starter::Limits limits;
  limits.most_threads = 1;
  exec::Starter starter(
      [is_open](const exec::StartOrder& order) {
        while (!*is_open) std::this_thread::sleep_for(1ms);
        return started(order);
      },
      limits);
  starter.submit(order(1));
  starter.submit(order(2));
  CHECK(starter.withdraw({core::TaskId(2), 1}));
  CHECK_FALSE(starter.withdraw({core::TaskId(2), 1}));
  *is_open = true;
  const std::vector<exec::Birth> births = wait_for_births(starter, 1);
  REQUIRE(births.size() == 1);
  CHECK(births[0].attempt.task.value == 1);
}
