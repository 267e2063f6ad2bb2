// A run is recorded once, with every operation on its database; then it is cut off at random places,
// taken up from what is left there, and brought to its end.

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "drover/journal/run_description.hpp"
#include "drover/journal/run_records.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "simulation/random.hpp"
#include "support/catch.hpp"
#include "unit/journal/logging_vfs.hpp"
#include "unit/journal/reference_run.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover::core;
using namespace std::chrono_literals;
using namespace drover::journal;
using drover::test::LoggingVfs;
using drover::test::ReferenceRun;
using drover::test::TemporaryDirectory;

namespace {

constexpr std::uint64_t kNumTasks = 60;

struct RecordedEnd {
  TaskId task;
  TaskEnd how{};
  std::size_t num_operations = 0;  ///< done when it had become safe
};

/// One run from its beginning to its end.
class RecordedRun {
 public:
  explicit RecordedRun(const DatabaseOptions& how) : options_(how) {
    options_.vfs = vfs_.name();
    create_run(run_, {"id", "1.0", 1, "/", "{}", {}}, options_);
    num_begun_ = vfs_.log().size();
    SqliteJournal journal(run_, options_, "1.0");
    ReferenceRun reference(17, {.num_tasks = kNumTasks}, {});
    Time now(1s);
    while (!reference.is_over()) {
      if (std::vector<Fact> facts = reference.step(); !facts.empty()) journal.record({std::move(facts), 0});
      note(journal.commit(now += 1ms));
    }
    note(journal.flush());
    counts_ = reference.scheduler().counts();
  }

  [[nodiscard]] const LoggingVfs& vfs() const { return vfs_; }
  [[nodiscard]] const RunDirectory& run() const { return run_; }
  [[nodiscard]] const std::vector<RecordedEnd>& ends() const { return ends_; }
  /// Operations with which the run was created.
  [[nodiscard]] std::size_t num_begun() const { return num_begun_; }

 private:
  void note(const std::vector<Turn>& turns) {
    for (const Turn& turn : turns)
      for (const Fact& fact : turn.facts)
        if (const auto* ended = std::get_if<fact::TaskEnded>(&fact))
          ends_.push_back({ended->task, ended->how, vfs_.log().size()});
  }

  LoggingVfs vfs_;
  TemporaryDirectory base_;
  RunDirectory run_ = RunDirectory::create(base_ / "run");
  DatabaseOptions options_;
  std::size_t num_begun_ = 0;
  std::vector<RecordedEnd> ends_;
  Counts counts_;
};

std::string query_text(const RunDirectory& run, const std::string& query) {
  SQLite::Database database = open_for_reading(run.database());
  return database.execAndGet(query).getString();
}

/// Takes up what is in `directory`, checks that what was safe after `num` operations is there, and goes
/// on to the end.
void check_resume(const RecordedRun& recorded, const std::filesystem::path& directory, std::size_t num,
                  DatabaseOptions options, std::uint64_t seed) {
  const RunDirectory run = RunDirectory::open(directory);
  options.vfs.clear();
  SqliteJournal journal(run, options, "1.0");
  {
    SQLite::Database database = open_for_reading(run.database());
    SQLite::Statement state(database, "SELECT state FROM tasks WHERE id = ?");
    for (const RecordedEnd& end : recorded.ends()) {
      if (end.num_operations > num) continue;
      state.bind(1, static_cast<std::int64_t>(end.task.value));
      REQUIRE(state.executeStep());
      REQUIRE(state.getColumn(0).getString() == to_string(end.how));
      state.reset();
    }
  }
  ReferenceRun rest(seed, {.num_tasks = kNumTasks}, journal.start());
  Time now(1s);
  while (!rest.is_over()) {
    if (std::vector<Fact> facts = rest.step(); !facts.empty()) journal.record({std::move(facts), 0});
    (void)journal.commit(now += 1ms);
  }
  (void)journal.flush();
  REQUIRE(rest.scheduler().counts().ended() == kNumTasks);
  REQUIRE(query_text(run,
                     "SELECT count(*) || ' ' || count(DISTINCT task) FROM (SELECT task FROM attempt_rows WHERE "
                     "task_end IS NOT NULL UNION ALL SELECT id FROM task_rows WHERE task_end IS NOT NULL)") == "60 60");
  REQUIRE(query_text(run, "SELECT count(*) FROM tasks WHERE state = 'unfinished'") == "0");
  REQUIRE(query_text(run, "PRAGMA integrity_check") == "ok");
}

/// How many places a run is cut off at; a longer search sets the variable.
std::uint64_t num_cuts(std::uint64_t usual) {
  const char* wanted = std::getenv("DROVER_TEST_CUTS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : usual;
}

}  // namespace

TEST_CASE("a disk that fails is an error that says so, and what was not safe follows once it works") {
  for (const bool is_local : {true, false}) {
    LoggingVfs vfs;
    const TemporaryDirectory base;
    const RunDirectory run = RunDirectory::create(base / "run");
    const DatabaseOptions options{Durability::normal, is_local, vfs.name()};
    create_run(run, {"id", "1.0", 1, "/", "{}", {}}, options);
    SqliteJournal journal(run, options, "1.0");
    ReferenceRun reference(17, {.num_tasks = kNumTasks}, {});
    Time now(1s);
    std::size_t num_turns = 0;
    std::size_t num_safe = 0;
    const auto record_until = [&](std::size_t num) {
      while (num_turns < num) {
        std::vector<Fact> facts = reference.step();
        if (facts.empty()) continue;
        journal.record({std::move(facts), 0});
        ++num_turns;
        num_safe += journal.commit(now += 100ms).size();
      }
    };
    record_until(50);
    const std::size_t num_before = num_safe;
    CHECK(num_before > 0);
    vfs.fail_writes(true);
    CHECK_THROWS_WITH(record_until(100), Catch::Matchers::Matches(".*run\\.db.*I/O error.*"));
    CHECK_THROWS_AS(journal.flush(), drover::Error);
    CHECK(num_safe == num_before);
    vfs.fail_writes(false);
    num_safe += journal.flush().size();
    CHECK(num_safe == num_turns);
    CHECK(query_text(run, "SELECT count(*) FROM tasks") == std::to_string(reference.scheduler().counts().accepted));
  }
}

TEST_CASE("whatever write a process dies in, the run goes on from there to one record a task") {
  for (const bool is_local : {true, false}) {
    const DatabaseOptions options{Durability::normal, is_local, ""};
    const RecordedRun recorded(options);
    const auto& log = recorded.vfs().log();
    drover::simulation::Random random(is_local ? 1 : 2);
    for (std::uint64_t i = 0; i < num_cuts(500); ++i) {
      const std::size_t num = random.between(std::uint64_t{recorded.num_begun()}, std::uint64_t{log.size()});
      const std::size_t num_torn_bytes = random.between(std::uint64_t{0}, std::uint64_t{4096});
      INFO((is_local ? "local" : "network")
           << ", cut after " << num << " of " << log.size() << " operations and " << num_torn_bytes << " bytes");
      const TemporaryDirectory left;
      drover::test::replay_until_death(log, num, num_torn_bytes, recorded.run().path(), left.path());
      check_resume(recorded, left.path(), num, options, i);
    }
  }
}

TEST_CASE("with full durability, whatever the disk had not written when the power failed was not acknowledged") {
  for (const bool is_local : {true, false}) {
    const DatabaseOptions options{Durability::full, is_local, ""};
    const RecordedRun recorded(options);
    const auto& log = recorded.vfs().log();
    drover::simulation::Random random(is_local ? 3 : 4);
    for (std::uint64_t i = 0; i < num_cuts(100); ++i) {
      const std::size_t num = random.between(std::uint64_t{recorded.num_begun()}, std::uint64_t{log.size()});
      INFO((is_local ? "local" : "network")
           << ", power lost after " << num << " of " << log.size() << " operations, draw " << i);
      const TemporaryDirectory left;
      drover::test::replay_until_power_failed(log, num, random, recorded.run().path(), left.path());
      check_resume(recorded, left.path(), num, options, i);
    }
  }
}
