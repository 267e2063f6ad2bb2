#include "drover/runtime/isolated_functions.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "drover/exec/function_executor.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/isolated_call.hpp"
#include "support/attempt_recorder.hpp"
#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

const std::string kLargeValue(1'500'000, 'x');

core::TaskSpec spec_of(const std::string& name, const std::string& argument) {
  core::TaskSpec spec;
  spec.kind = core::TaskKind::function;
  spec.payload = exec::call_payload(name, argument);
  return spec;
}

/// A worker with two slots, and no master but the test.
struct Fixture {
  exec::FunctionTable functions;
  runtime::CallBoard calls;
  std::optional<exec::Zygote> zygote;
  std::optional<runtime::IsolatedFunctions> runner;
  test::AttemptRecorder recorder;
  std::uint64_t last_task = 0;
  std::size_t budget = 1U << 20;  ///< of output, in each poll

  Fixture() {
    functions["echo"] = [](std::string_view argument, const exec::FunctionCall&) { return std::string(argument); };
    functions["pid"] = [](std::string_view, const exec::FunctionCall&) { return std::to_string(::getpid()); };
    functions["crash"] = [](std::string_view, const exec::FunctionCall&) {
      ::raise(SIGKILL);
      return std::string();
    };
    functions["leave"] = [](std::string_view, const exec::FunctionCall&) -> std::string { ::_exit(0); };
    functions["until cancelled"] = [](std::string_view, const exec::FunctionCall& call) {
      while (!call.is_cancelled) ::usleep(1000);
      return std::string("heeded");
    };
    functions["deaf"] = [](std::string_view, const exec::FunctionCall&) -> std::string {
      while (true) ::pause();
    };
    functions["value"] = [this](std::string_view, const exec::FunctionCall&) {
      const auto load = [](std::string_view bytes) { return std::make_shared<const std::string>(bytes); };
      return *std::static_pointer_cast<const std::string>(
          calls.shelf().take(runtime::Shelf().put(kLargeValue), typeid(std::string), load));
    };
    functions["half"] = [this](std::string_view, const exec::FunctionCall& call) {
      calls.tell({call.attempt, 0.5, "half of it"});
      return std::string();
    };
    functions["print"] = [](std::string_view, const exec::FunctionCall&) {
      std::printf("by C\n");
      std::cout << "by C++\n";
      (void)!std::system("echo by a child");
      std::fprintf(stderr, "an error\n");
      std::cerr << "the last word";
      std::cerr << '\n';
      return std::string();
    };
    functions["print and crash"] = [](std::string_view, const exec::FunctionCall&) {
      std::printf("before\n");
      ::signal(SIGSEGV, SIG_DFL);
      ::raise(SIGSEGV);
      return std::string();
    };
    functions["print much"] = [](std::string_view, const exec::FunctionCall&) {
      std::cout << std::string(1'000'000, 'm');
      return std::string();
    };
    functions["parent"] = [this](std::string_view argument, const exec::FunctionCall&) {
      const runtime::CallPtr child = calls.submit(spec_of("child", std::string(argument)));
      const exec::FunctionExecutor::WaitScope waits;
      return calls.wait(child).value + "!";
    };
  }

  void open(core::Duration kill_after = 10s) {
    zygote.emplace(
        exec::Zygote::Plan{[] { std::printf("made once\n"); },
                           [this](int connection) { runtime::serve_isolated_call(connection, functions, calls); }});
    core::ExecProfile profile;
    profile.kill_after = kill_after;
    runner.emplace(*zygote, calls, profile, exec::Identity{core::WorkerId(1), core::GroupId(0), "here"},
                   runtime::IsolatedFunctions::Slots{2, 1});
  }

  core::AttemptId start(const std::string& name, const std::string& argument = "", core::Duration timeout = {}) {
    core::TaskSpec spec = spec_of(name, argument);
    spec.timeout = timeout;
    const core::AttemptId id{core::TaskId(++last_task), 1};
    runner->start({id, spec, core::OwnerId(0)}, runtime::now());
    return id;
  }

  template <class Condition>
  bool poll_until(Condition condition) {
    const core::Time deadline = runtime::now() + 20s;
    while (!condition() && runtime::now() < deadline) {
      pollfd polled{runner->fd(), POLLIN, 0};
      ::poll(&polled, 1, 5);
      runner->poll(runtime::now(), budget, recorder);
    }
    return condition();
  }
  const core::AttemptResult& await_result() {
    recorder.results.clear();
    REQUIRE(poll_until([this] { return !recorder.results.empty(); }));
    return recorder.results.front();
  }
};

}  // namespace

TEST_CASE("each function has a process of its own, and its result arrives whole") {
  Fixture f;
  f.open();
  const std::string large(3'000'000, 'x');
  f.start("echo", large);
  CHECK(f.await_result().value == large);
  f.start("pid");
  const std::string pid = f.await_result().value;
  CHECK(pid != std::to_string(::getpid()));
  f.start("pid");
  CHECK(f.await_result().value != pid);
  f.start("nobody knows it");
  CHECK(std::holds_alternative<core::NotStarted>(f.await_result().outcome));
}

TEST_CASE("what a function prints is its own, whoever prints, up to where it crashes") {
  Fixture f;
  f.open();
  const core::AttemptId id = f.start("print");
  const core::AttemptResult result = f.await_result();
  CHECK(f.recorder.output(id) == "by C\nby C++\nby a child\n");
  CHECK(f.recorder.output(id, core::Stream::err) == "an error\nthe last word\n");
  CHECK(result.stdout_bytes == f.recorder.output(id).size());
  CHECK(result.stderr_bytes == f.recorder.output(id, core::Stream::err).size());
  CHECK(result.stderr_tail == "the last word");
  const core::AttemptId crashed = f.start("print and crash");
  CHECK(f.await_result().outcome == core::Outcome(core::Signaled{SIGSEGV}));
  CHECK(f.recorder.output(crashed) == "before\n");
  CHECK(f.poll_until([&] { return f.recorder.words[core::Stream::out] == "made once\n"; }));
}

TEST_CASE("a function that prints more than anybody takes waits, and loses nothing") {
  Fixture f;
  f.open();
  f.budget = 0;
  const core::AttemptId id = f.start("print much");
  f.start("echo", "x");
  CHECK(f.await_result().value == "x");
  CHECK(f.recorder.output(id).empty());
  f.budget = 10'000;
  f.await_result();
  CHECK(f.recorder.output(id) == std::string(1'000'000, 'm'));
}

TEST_CASE("a process that ends without a word is told by how it ended") {
  Fixture f;
  f.open();
  f.start("crash");
  CHECK(f.await_result().outcome == core::Outcome(core::Signaled{SIGKILL}));
  f.start("leave");
  CHECK_FALSE(core::is_success(f.await_result().outcome));
  f.start("echo", "still here");
  CHECK(f.await_result().value == "still here");
}

TEST_CASE("a process is told to end, and killed if it does not") {
  Fixture f;
  f.open(50ms);
  f.runner->stop(f.start("until cancelled"), runtime::now());
  CHECK(f.await_result().outcome == core::Outcome(core::Killed{}));
  f.start("until cancelled", "", 20ms);
  CHECK(f.await_result().outcome == core::Outcome(core::TimedOut{0}));
  f.start("deaf", "", 20ms);
  CHECK(f.await_result().outcome == core::Outcome(core::TimedOut{SIGKILL}));
}

TEST_CASE("a third waits for a slot, which one that waits for a task it made leaves to it") {
  Fixture f;
  f.open();
  f.start("parent", "deep");
  f.start("until cancelled");
  const core::AttemptId third = f.start("echo", "third");
  CHECK(f.await_result().attempt == third);
  CHECK(f.recorder.waits == std::vector<bool>{true});
  std::vector<runtime::CallBoard::Submitted> submitted;
  REQUIRE(f.poll_until([&] {
    if (submitted.empty()) submitted = f.calls.take_submitted(10);
    return !submitted.empty();
  }));
  CHECK(submitted.front().spec.payload == exec::call_payload("child", "deep"));
  runtime::CallEnd end;
  end.how = core::TaskEnd::succeeded;
  end.value = "deeper";
  f.calls.end({{submitted.front().number, end}});
  CHECK(f.await_result().value == "deeper!");
  CHECK(f.recorder.waits == std::vector<bool>{true, false});
}

TEST_CASE("what was stopped before it had a slot is over at once") {
  Fixture f;
  f.open();
  f.start("deaf");
  f.start("deaf");
  const core::AttemptId third = f.start("echo");
  f.runner->stop(third, runtime::now());
  CHECK(f.await_result().attempt == third);
  CHECK(f.recorder.results.front().outcome == core::Outcome(core::Killed{}));
  CHECK(f.runner->shut_down(0s));
}

TEST_CASE("a value comes to the worker once, and from there to each process that wants it") {
  Fixture f;
  f.open();
  runtime::Shelf master;
  (void)master.put(kLargeValue);
  std::size_t num_fetched = 0;
  for (int i = 0; i < 4; ++i) f.start("value");
  REQUIRE(f.poll_until([&] {
    for (const wire::Fetch& fetch : f.calls.shelf().take_wanted()) {
      f.calls.shelf().add(master.piece(fetch));
      ++num_fetched;
    }
    return f.recorder.results.size() == 4;
  }));
  for (const core::AttemptResult& result : f.recorder.results) CHECK(result.value.size() == 1'500'000);
  CHECK(num_fetched == 2);
}

TEST_CASE("what a function says of its progress is told") {
  Fixture f;
  f.open();
  const core::AttemptId attempt = f.start("half");
  (void)f.await_result();
  CHECK(f.calls.take_told() == std::vector{wire::Progress{attempt, 0.5, "half of it"}});
  CHECK(f.calls.take_told().empty());
}
