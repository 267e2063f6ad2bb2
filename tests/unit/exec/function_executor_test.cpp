#include "drover/exec/function_executor.hpp"

#include <poll.h>

#include <stdexcept>
#include <thread>

#include "support/attempt_recorder.hpp"
#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMuch = 1U << 20;

core::Time now() {
  return core::Time(std::chrono::steady_clock::now().time_since_epoch());
}

core::Assignment call(std::uint64_t task, const std::string& name, const std::string& argument = "",
                      core::Duration timeout = {}) {
  core::TaskSpec spec;
  spec.kind = core::TaskKind::function;
  spec.payload = exec::call_payload(name, argument);
  spec.timeout = timeout;
  return {{core::TaskId(task), 1}, spec, core::OwnerId(5)};
}

struct Fixture {
  std::atomic<bool> may_end = false;
  std::shared_ptr<exec::FunctionTable> functions = std::make_shared<exec::FunctionTable>();
  core::ExecProfile profile;
  std::uint32_t num_slots = 1;
  std::optional<exec::FunctionExecutor> executor;
  test::AttemptRecorder recorder;

  Fixture() {
    (*functions)["echo"] = [](std::string_view argument, const exec::FunctionCall&) { return std::string(argument); };
    (*functions)["throw"] = [](std::string_view argument, const exec::FunctionCall&) -> std::string {
      throw std::out_of_range(std::string(argument));
    };
    (*functions)["fail"] = [](std::string_view argument, const exec::FunctionCall&) -> std::string {
      throw exec::FunctionFailure(std::string(argument));
    };
    (*functions)["until cancelled"] = [](std::string_view, const exec::FunctionCall& c) {
      while (!c.is_cancelled) std::this_thread::sleep_for(1ms);
      return std::string("heeded");
    };
    (*functions)["deaf"] = [this](std::string_view, const exec::FunctionCall&) {
      while (!may_end) std::this_thread::sleep_for(1ms);
      return std::string();
    };
    profile.kill_after = 10s;
  }
  ~Fixture() { may_end = true; }

  exec::FunctionExecutor& open() {
    return executor.emplace(functions, profile, exec::Identity{core::WorkerId(1), core::GroupId(0), "here"},
                            exec::FunctionExecutor::Slots{num_slots, 1});
  }

  /// Until so many have ended.
  void poll_until(std::size_t num) {
    const core::Time deadline = now() + 20s;
    while (recorder.results.size() < num && now() < deadline) {
      pollfd polled{executor->fd(), POLLIN, 0};
      ::poll(&polled, 1, 10);
      executor->poll(now(), kMuch, recorder);
    }
    REQUIRE(recorder.results.size() == num);
  }
};

}  // namespace

TEST_CASE("a function gets its argument and gives its result") {
  Fixture f;
  f.open().start(call(1, "echo", std::string("a\0b", 3)), now());
  f.poll_until(1);
  CHECK(f.recorder.results[0].attempt == core::AttemptId{core::TaskId(1), 1});
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::Exited{0}));
  CHECK(f.recorder.results[0].value == std::string("a\0b", 3));
  CHECK(f.executor->num_running() == 0);
}

TEST_CASE("an exception is told with its type and text, a failure with its reason alone") {
  Fixture f;
  f.open().start(call(1, "throw", "no such row"), now());
  f.poll_until(1);
  f.executor->start(call(2, "fail", "gave up"), now());
  f.poll_until(2);
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::Threw{"std::out_of_range", "no such row"}));
  CHECK(f.recorder.results[0].stderr_tail == "no such row");
  CHECK(f.recorder.results[1].outcome == core::Outcome(core::Threw{"", "gave up"}));
}

TEST_CASE("a function that this program does not have is refused by name") {
  Fixture f;
  f.open().start(call(1, "unheard of"), now());
  f.poll_until(1);
  const auto* refused = std::get_if<core::NotStarted>(&f.recorder.results[0].outcome);
  REQUIRE(refused != nullptr);
  CHECK(refused->reason.find("'unheard of'") != std::string::npos);
}

TEST_CASE("functions on different slots execute at once") {
  Fixture f;
  f.num_slots = 2;
  f.open().start(call(1, "until cancelled"), now());
  f.executor->start(call(2, "echo"), now());
  f.poll_until(1);
  CHECK(f.recorder.results[0].attempt.task == core::TaskId(2));
  f.executor->stop({core::TaskId(1), 1}, now());
  f.poll_until(2);
  CHECK(f.recorder.results[1].outcome == core::Outcome(core::Killed{}));
}

TEST_CASE("a function whose time is over is told so, and has timed out whatever it returns") {
  Fixture f;
  f.open().start(call(1, "until cancelled", "", 20ms), now());
  f.poll_until(1);
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::TimedOut{0}));
  CHECK(f.executor->num_left_behind() == 0);
}

TEST_CASE("a function that does not heed its time limit is left behind, and its slot goes on") {
  Fixture f;
  f.profile.timeout = 20ms;
  f.profile.kill_after = 20ms;
  f.open().start(call(1, "deaf"), now());
  f.poll_until(1);
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::TimedOut{0}));
  CHECK(f.executor->num_left_behind() == 1);
  f.executor->start(call(2, "echo", "still here"), now());
  f.poll_until(2);
  CHECK(f.recorder.results[1].value == "still here");

  SECTION("and is not heard when it ends after all") {
    f.may_end = true;
    CHECK(f.executor->shut_down(20s));
    f.executor->poll(now(), kMuch, f.recorder);
    CHECK(f.recorder.results.size() == 2);
    CHECK(f.executor->num_left_behind() == 0);
  }
}

TEST_CASE("at the end, what executes is told to stop and waited for") {
  Fixture f;
  f.open().start(call(1, "until cancelled"), now());
  CHECK(f.executor->shut_down(20s));
  CHECK(f.executor->num_left_behind() == 0);
}

TEST_CASE("what is started beyond the slots executes in order, as slots become free") {
  Fixture f;
  f.open();
  for (std::uint64_t task = 1; task <= 50; ++task) f.executor->start(call(task, "echo"), now());
  f.poll_until(50);
  for (std::uint64_t task = 1; task <= 50; ++task)
    CHECK(f.recorder.results[task - 1].attempt.task == core::TaskId(task));
}

TEST_CASE("what waits for its slot and is not wanted any more does not begin") {
  Fixture f;
  std::atomic<int> num_calls = 0;
  (*f.functions)["count"] = [&](std::string_view, const exec::FunctionCall&) {
    ++num_calls;
    return std::string();
  };
  f.open().start(call(1, "until cancelled"), now());
  f.executor->start(call(2, "count"), now());
  f.executor->stop({core::TaskId(2), 1}, now());
  f.executor->stop({core::TaskId(1), 1}, now());
  f.poll_until(2);
  for (const core::AttemptResult& result : f.recorder.results) {
    CHECK(result.outcome == core::Outcome(core::Killed{}));
    CHECK(result.value.empty());
  }
  CHECK(num_calls == 0);
}

TEST_CASE("a function that waits gives its slot to the next, and says when it waits and goes on") {
  Fixture f;
  std::atomic<bool> may_go_on = false;
  (*f.functions)["wait"] = [&](std::string_view, const exec::FunctionCall&) {
    const exec::FunctionExecutor::WaitScope waits;
    while (!may_go_on) std::this_thread::sleep_for(1ms);
    return std::string();
  };
  f.open().start(call(1, "wait"), now());
  f.executor->start(call(2, "echo"), now());
  f.poll_until(1);
  CHECK(f.recorder.results[0].attempt.task == core::TaskId(2));
  CHECK(f.recorder.waits == std::vector<bool>{true});
  may_go_on = true;
  f.poll_until(2);
  CHECK(f.recorder.waits == std::vector<bool>{true, false});
}

TEST_CASE("the time limit of one that had to wait for its turn counts from there") {
  Fixture f;
  f.open().start(call(1, "deaf"), now());
  f.executor->start(call(2, "echo", "in time", 1h), now());
  f.executor->poll(now() + 2h, kMuch, f.recorder);
  CHECK(f.recorder.results.empty());
  f.may_end = true;
  f.poll_until(2);
  CHECK(f.recorder.results[1].value == "in time");
}
