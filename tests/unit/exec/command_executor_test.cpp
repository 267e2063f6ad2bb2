#include "drover/exec/command_executor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

core::Time now() {
  return core::Time(std::chrono::steady_clock::now().time_since_epoch());
}

/// Keeps what it hears of commands.
class Recorder final : public exec::AttemptHandler {
 public:
  void on_output(core::AttemptId, core::Stream stream, std::span<const char> bytes) override {
    if (stream == core::Stream::out) out.append(bytes.data(), bytes.size());
  }
  void on_words(core::Stream, std::span<const char>) override { FAIL("what a command prints is its own"); }
  void on_ended(core::AttemptResult result) override { results.push_back(std::move(result)); }
  std::string out;
  std::vector<core::AttemptResult> results;
};

class Fixture {
 public:
  Fixture() {
    profile.run_dir = directory.string();
    profile.kill_after = 10s;
    std::filesystem::create_directories(directory);
  }
  ~Fixture() {
    executor.reset();
    std::filesystem::remove_all(directory);
  }

  void start(std::uint64_t task, const std::string& command, core::Duration timeout = {}) {
    if (!executor)
      executor.emplace(profile, exec::Identity{core::WorkerId(1), core::GroupId(0), "here"}, exec::Variables{},
                       guardian);
    core::TaskSpec spec;
    spec.payload = command;
    spec.timeout = timeout;
    executor->start({core::TaskId(task), 1}, spec, {static_cast<std::uint32_t>(task), 1}, now());
  }

  /// Serves the executor until it is so; false after a minute.
  template <class Condition>
  bool serves_until(Condition condition) {
    const core::Time limit = now() + 60s;
    while (!condition()) {
      if (now() > limit) return false;
      pollfd polled{executor->fd(), POLLIN, 0};
      (void)::poll(&polled, 1, 10);
      executor->poll(now(), 1U << 20, recorder);
    }
    return true;
  }
  bool ends(std::size_t num) {
    return serves_until([this, num] { return recorder.results.size() == num; });
  }
  [[nodiscard]] bool exists(const std::string& name) const { return std::filesystem::exists(directory / name); }
  /// Whether the process whose number is in this file has ended.
  [[nodiscard]] bool has_ended(const std::string& name) const {
    pid_t pid = 0;
    return std::ifstream(directory / name) >> pid && ::kill(pid, 0) < 0;
  }

  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("drover-executor-" + std::to_string(::getpid()));
  exec::ProcessGuardian guardian{4};
  core::ExecProfile profile;
  std::optional<exec::CommandExecutor> executor;
  Recorder recorder;
};

/// A shell line that leaves a process in a group, and one in a session, of its own; each writes its number.
const std::string kLeavesStrays =
    "setsid sh -c 'echo $$ >\"$DROVER_RUN_DIR\"/session.new; cd \"$DROVER_RUN_DIR\"; mv session.new session; exec "
    "sleep "
    "4246' & timeout 4246 sh -c 'echo $$ >\"$DROVER_RUN_DIR\"/group.new; cd \"$DROVER_RUN_DIR\"; mv group.new group; "
    "exec "
    "sleep 4246' & until [ -e \"$DROVER_RUN_DIR\"/session -a -e \"$DROVER_RUN_DIR\"/group ]; do sleep 0.01; done; ";

}  // namespace

TEST_CASE("a command's output, its end and its time") {
  Fixture f;
  f.start(1, "echo hello; exit 3");
  REQUIRE(f.ends(1));
  CHECK(f.recorder.out == "hello\n");
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::Exited{3}));
  CHECK(f.recorder.results[0].stdout_bytes == 6);
}

TEST_CASE("a time limit ends what has left the command's process group") {
  Fixture f;
  f.start(1, kLeavesStrays + "wait", 1s);
  REQUIRE(f.ends(1));
  CHECK(std::holds_alternative<core::TimedOut>(f.recorder.results[0].outcome));
  if (!f.exists("session") || !f.exists("group")) return;  // the machine was too busy for that second
  CHECK(f.serves_until([&] { return f.has_ended("session") && f.has_ended("group"); }));
}

TEST_CASE("a command that is cancelled takes with it what has left its process group") {
  Fixture f;
  f.start(1, kLeavesStrays + "wait");
  REQUIRE(f.serves_until([&] { return f.exists("session") && f.exists("group"); }));
  f.executor->stop({core::TaskId(1), 1}, now());
  REQUIRE(f.ends(1));
  CHECK(std::holds_alternative<core::Killed>(f.recorder.results[0].outcome));
  CHECK(f.serves_until([&] { return f.has_ended("session") && f.has_ended("group"); }));
}

TEST_CASE("a command that ends by itself leaves nothing behind either, and another's processes are not touched") {
  Fixture f;
  f.start(2,
          "sh -c 'echo $$ >\"$DROVER_RUN_DIR\"/other.new; cd \"$DROVER_RUN_DIR\"; mv other.new other; (setsid sleep "
          "4247 & echo $! >orphan); exec sleep 4247'");
  f.start(1, kLeavesStrays + "exit 0");
  REQUIRE(f.ends(1));
  CHECK(f.recorder.results[0].outcome == core::Outcome(core::Exited{0}));
  CHECK(f.serves_until([&] { return f.has_ended("session") && f.has_ended("group"); }));
  REQUIRE(f.serves_until([&] { return f.exists("other") && f.exists("orphan"); }));
  CHECK_FALSE(f.has_ended("other"));
  CHECK_FALSE(f.has_ended("orphan"));
  f.executor->stop({core::TaskId(2), 1}, now());
  REQUIRE(f.ends(2));
  CHECK(f.serves_until([&] { return f.has_ended("other") && f.has_ended("orphan"); }));
}

TEST_CASE("a process that the attempt has renounced is ended as well when drover ends the attempt") {
  Fixture f;
  f.start(1,
          "d=$DROVER_RUN_DIR; env -i sh -c \"echo \\$\\$ >$d/bare.new; mv $d/bare.new $d/bare; exec setsid -w sleep "
          "4248\"");
  REQUIRE(f.serves_until([&] { return f.exists("bare"); }));
  f.executor->stop({core::TaskId(1), 1}, now());
  REQUIRE(f.ends(1));
  CHECK(f.serves_until([&] { return f.has_ended("bare"); }));
}

TEST_CASE("a command inherits no descriptor, no blocked and no ignored signal") {
  Fixture f;
  const support::UniqueFd inheritable(::open("/dev/null", O_RDONLY));  // as a launcher may leave one
  ::signal(SIGUSR2, SIG_IGN);
  f.start(1, "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status");
  const bool has_ended = f.ends(1);
  ::signal(SIGUSR2, SIG_DFL);
  REQUIRE(has_ended);
  std::istringstream words(f.recorder.out);
  int num_descriptors = 0;
  std::string blocked_name, blocked, ignored_name, ignored;
  words >> num_descriptors >> blocked_name >> blocked >> ignored_name >> ignored;
  CHECK(num_descriptors == 4);  // one of them is the list
  CHECK(blocked == "0000000000000000");
  CHECK(ignored == "0000000000000000");
}

TEST_CASE("a command that is stopped before it has begun is not begun") {
  Fixture f;
  f.start(1, "touch \"$DROVER_RUN_DIR\"/begun; sleep 4249");
  f.executor->stop({core::TaskId(1), 1}, now());
  REQUIRE(f.ends(1));
  CHECK(std::holds_alternative<core::Killed>(f.recorder.results[0].outcome));
}

TEST_CASE("many commands, some of which end before the word of their birth comes") {
  Fixture f;
  for (std::size_t round = 0; round < 50; ++round) {
    for (std::uint64_t slot = 1; slot <= 4; ++slot) f.start(slot, "true");
    REQUIRE(f.ends((round + 1) * 4));
  }
  for (const core::AttemptResult& result : f.recorder.results) {
    CHECK(result.outcome == core::Outcome(core::Exited{0}));
    CHECK(result.runtime >= 0s);
  }
}
