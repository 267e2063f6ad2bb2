#include "drover/journal/sqlite_journal.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "drover/core/orphans.hpp"
#include "drover/journal/recorded_calls.hpp"
#include "drover/journal/run_description.hpp"
#include "drover/journal/run_lock.hpp"
#include "drover/journal/run_records.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"
#include "unit/journal/reference_run.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover::core;
using namespace std::chrono_literals;
using namespace drover::journal;
using drover::test::read_file;
using drover::test::ReferenceRun;
using drover::test::TemporaryDirectory;

namespace {

const RunDescription kDescription{
    "id", "1.0", 1, "/somewhere", R"({"words":["x"]})", {{"env", {"A=1", "B=2"}}, {"slots", {"3"}}}};

/// A directory with a run that nobody has begun.
struct RunFixture {
  explicit RunFixture(DatabaseOptions database_options = {}) : options(std::move(database_options)) {
    create_run(run, kDescription, options);
  }
  TemporaryDirectory base;
  RunDirectory run = RunDirectory::create(base / "run");
  DatabaseOptions options;
};

/// Records a whole batch, with a commit every few turns.
void play(ReferenceRun& reference, SqliteJournal& journal) {
  Time now(1s);
  while (!reference.is_over()) {
    if (std::vector<Fact> facts = reference.step(); !facts.empty()) journal.record({std::move(facts), 0});
    (void)journal.commit(now += 1ms);
  }
  (void)journal.flush();
}

Snapshot recorded(const RunDirectory& run) {
  SQLite::Database database = open_for_reading(run.database());
  return read_snapshot(database, read_progress(database));
}

/// As a journal can know it: what is with a worker is not recorded, so its attempt does not count.
Snapshot knowable(Snapshot snapshot, const Scheduler& scheduler) {
  for (UnfinishedTask& task : snapshot.unfinished) {
    const auto state = scheduler.task(task.id)->state;
    if (state == TaskView::State::dispatched || state == TaskView::State::executing) --task.num_attempts;
  }
  return snapshot;
}

std::int64_t number(const RunDirectory& run, const std::string& query) {
  SQLite::Database database = open_for_reading(run.database());
  return database.execAndGet(query).getInt64();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

/// Of each task of the batch that has ended: how many lines the job log has.
void check_job_log(const RunDirectory& run) {
  std::map<std::int64_t, int> num_lines;
  for (const std::string& line : lines(read_file(run.job_log())))
    if (line.front() != 'S') ++num_lines[std::stoll(line)];
  SQLite::Database database = open_for_reading(run.database());
  std::size_t num_ended = 0;
  for (SQLite::Statement row(database, "SELECT id FROM tasks WHERE owner = 0 AND state <> 'unfinished'");
       row.executeStep(); ++num_ended)
    CHECK(num_lines[row.getColumn(0).getInt64()] == 1);
  CHECK(num_lines.size() == num_ended);
}

}  // namespace

TEST_CASE("what the journal says is the state of the run, after every commit") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    RunFixture fixture;
    ReferenceRun reference(seed);
    {
      SqliteJournal journal(fixture.run, fixture.options, "1.0");
      while (!reference.is_over()) {
        if (std::vector<Fact> facts = reference.step(); !facts.empty()) journal.record({std::move(facts), 0});
        if (seed <= 5 || reference.is_over()) {
          (void)journal.flush();
          REQUIRE(recorded(fixture.run) == knowable(reference.scheduler().snapshot(), reference.scheduler()));
        }
      }
    }
    CHECK(recorded(fixture.run) == reference.scheduler().snapshot());
    CHECK(number(fixture.run, "SELECT count(*) FROM tasks WHERE state = 'unfinished'") == 0);
    check_job_log(fixture.run);
  }
}

TEST_CASE("every task has one terminal record, and the counts agree with the records") {
  RunFixture fixture;
  ReferenceRun reference(7);
  SqliteJournal journal(fixture.run, fixture.options, "1.0");
  play(reference, journal);
  const Counts counts = reference.scheduler().counts();
  CHECK(number(fixture.run,
               "SELECT count(*) FROM (SELECT task FROM attempt_rows WHERE task_end IS NOT NULL UNION ALL "
               "SELECT id FROM task_rows WHERE task_end IS NOT NULL)") == static_cast<std::int64_t>(counts.accepted));
  for (const char* state : {"succeeded", "failed", "timed_out", "cancelled", "quarantined"}) {
    INFO(state);
    CHECK(number(fixture.run, std::string("SELECT (SELECT count(*) FROM tasks WHERE state = '") + state + "') - " +
                                  state + " FROM progress") == 0);
  }
  CHECK(number(fixture.run, "SELECT count(*) FROM failures") == static_cast<std::int64_t>(counts.unsuccessful()));
  CHECK(number(fixture.run, "SELECT count(*) FROM workers WHERE ended_at IS NULL") == 0);
  CHECK(number(fixture.run, "SELECT count(*) FROM groups WHERE ended_at IS NULL") == 0);
  CHECK(number(fixture.run, "SELECT sum(attempts) FROM hosts") == number(fixture.run, "SELECT count(*) FROM attempts"));
  CHECK(number(fixture.run, "SELECT count(*) FROM events WHERE event = 'input_ended'") == 1);
}

TEST_CASE("a journal that was cut short goes on, and does not use an attempt's number twice") {
  RunFixture fixture;
  ReferenceRun reference(3);
  {
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    for (int i = 0; i < 60; ++i)
      if (std::vector<Fact> facts = reference.step(); !facts.empty()) journal.record({std::move(facts), 0});
    (void)journal.flush();
  }
  const Snapshot before = recorded(fixture.run);
  REQUIRE_FALSE(before.unfinished.empty());
  SqliteJournal journal(fixture.run, fixture.options, "1.0");
  REQUIRE(journal.start().unfinished.size() == before.unfinished.size());
  for (std::size_t i = 0; i < before.unfinished.size(); ++i)
    CHECK(journal.start().unfinished[i].num_attempts == before.unfinished[i].num_attempts + 1);
  ReferenceRun rest(4, {}, journal.start());
  play(rest, journal);
  journal.end_session(SessionEnd::finished, 1, "");
  CHECK(recorded(fixture.run) == rest.scheduler().snapshot());
  CHECK(number(fixture.run, "SELECT count(*) FROM tasks WHERE state = 'unfinished'") == 0);
  CHECK(number(fixture.run, "SELECT count(*) FROM sessions WHERE how = 'finished'") == 1);
  CHECK(number(fixture.run, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 1);
  check_job_log(fixture.run);
}

TEST_CASE("after a session that ended, attempts that never were do not count") {
  RunFixture fixture;
  {
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    journal.record({{fact::TaskAccepted{TaskId(1), {}, {}}}, 0});
    (void)journal.flush();
    journal.end_session(SessionEnd::stopped, 130, "interrupted");
  }
  const SqliteJournal journal(fixture.run, fixture.options, "1.0");
  CHECK(journal.start().unfinished.at(0).num_attempts == 0);
}

TEST_CASE("the files beside the database are put right, whatever a crash left of them") {
  RunFixture fixture;
  ReferenceRun reference(5);
  {
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    play(reference, journal);
  }
  const std::string log = read_file(fixture.run.job_log());
  const std::string events = read_file(fixture.run.events());
  const auto reopen = [&] { SqliteJournal(fixture.run, fixture.options, "1.0"); };
  SECTION("nothing of the last commit") {
    const Progress progress = [&] {
      SQLite::Database database = open_for_reading(fixture.run.database());
      return read_progress(database);
    }();
    std::filesystem::resize_file(fixture.run.job_log(), progress.job_log_size);
    std::filesystem::resize_file(fixture.run.events(), progress.events_size);
    reopen();
    CHECK(read_file(fixture.run.job_log()) == log);
  }
  SECTION("half of the last line") {
    std::filesystem::resize_file(fixture.run.job_log(), log.size() - 3);
    std::filesystem::resize_file(fixture.run.events(), events.size() - 3);
    reopen();
    CHECK(read_file(fixture.run.job_log()) == log);
  }
  SECTION("lines that precede their records") {
    drover::test::append_file(fixture.run.job_log(), "99999\thost\t1.000\t     0.000\t0\t0\t0\t0\tnever recorded\n");
    reopen();
    CHECK(read_file(fixture.run.job_log()) == log);
  }
  SECTION("much less than there was: both are written anew") {
    std::filesystem::resize_file(fixture.run.job_log(), log.size() / 2);
    reopen();
    CHECK(lines(read_file(fixture.run.job_log())).size() == lines(log).size());
    std::filesystem::remove(fixture.run.events());
    reopen();
  }
  check_job_log(fixture.run);
  std::int64_t num_ended = 0;
  for (const std::string& line : lines(read_file(fixture.run.events())))
    if (nlohmann::json::parse(line).at("event") == "task_ended") ++num_ended;
  CHECK(num_ended == number(fixture.run, "SELECT count(*) FROM tasks"));
}

TEST_CASE("ended tasks are taken up again with a clean slate, and their past stays on record") {
  RunFixture fixture;
  ReferenceRun reference(11);
  {
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    play(reference, journal);
    journal.end_session(SessionEnd::finished, 1, "");
  }
  const Counts counts = reference.scheduler().counts();
  REQUIRE(counts.unsuccessful() > 0);
  SqliteJournal journal(fixture.run, fixture.options, "1.0");
  CHECK_THROWS_WITH(journal.reopen("nonsense = 3"), Catch::Matchers::Matches("'nonsense = 3' is no condition.*"));
  CHECK_THROWS_AS(journal.reopen("state = 'failed'); DELETE FROM task_rows; --"), drover::UsageError);
  CHECK(journal.reopen("id > 1000000") == 0);
  CHECK(journal.reopen("state <> 'succeeded'") == counts.unsuccessful());
  const Snapshot& start = journal.start();
  CHECK(start.totals.unsuccessful() == 0);
  REQUIRE(start.unfinished.size() == counts.unsuccessful());
  for (const UnfinishedTask& task : start.unfinished) {
    CHECK(task.num_failures == 0);
    CHECK(task.num_worker_kills == 0);
    CHECK_FALSE(task.is_cancelled);
  }
  const std::int64_t num_attempts = number(fixture.run, "SELECT count(*) FROM attempts");
  ReferenceRun again(12, {.num_tasks = 0, .is_rough = false}, start);
  play(again, journal);
  CHECK(recorded(fixture.run) == again.scheduler().snapshot());
  CHECK(again.scheduler().counts().succeeded == counts.accepted);
  CHECK(number(fixture.run, "SELECT count(*) FROM tasks WHERE state = 'succeeded'") ==
        static_cast<std::int64_t>(counts.accepted));
  CHECK(number(fixture.run, "SELECT count(*) FROM failures") == 0);
  CHECK(number(fixture.run, "SELECT count(*) FROM attempts") > num_attempts);
  CHECK(number(fixture.run, "SELECT count(*) FROM events WHERE event = 'tasks_reopened'") == 1);
}

TEST_CASE("a run's description comes back as it was") {
  const RunFixture fixture;
  SQLite::Database database = open_for_reading(fixture.run.database());
  CHECK(read_description(database, fixture.run.database()) == kDescription);
}

TEST_CASE("the mode follows the file system") {
  CHECK(RunDatabase(TemporaryDirectory() / "run.db", {Durability::normal, true, ""}).journal_mode() == "wal");
  CHECK(RunDatabase(TemporaryDirectory() / "run.db", {Durability::normal, false, ""}).journal_mode() == "truncate");
}

TEST_CASE("a run that a crash left in the local mode is taken up on a network file system") {
  RunFixture fixture({Durability::normal, true, ""});
  REQUIRE(drover::test::crash_using<SqliteJournal>(
      [](SqliteJournal& journal) {
        journal.record({{fact::TaskAccepted{TaskId(1), {}, {}}}, 0});
        (void)journal.flush();
      },
      fixture.run, fixture.options, "1.0"));
  REQUIRE(std::filesystem::exists(fixture.run.database().string() + "-wal"));
  const SqliteJournal journal(fixture.run, {Durability::normal, false, ""}, "1.0");
  CHECK(journal.start().unfinished.size() == 1);
  CHECK(journal.database().journal_mode() == "truncate");
  CHECK_FALSE(std::filesystem::exists(fixture.run.database().string() + "-wal"));
}

TEST_CASE("a run that is over is one file, in the mode that needs nothing beside it") {
  RunFixture fixture;
  {
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    journal.record({{fact::TaskAccepted{TaskId(1), {}, {}}}, 0});
    (void)journal.flush();
  }
  CHECK_FALSE(std::filesystem::exists(fixture.run.database().string() + "-wal"));
  // Bytes 18 and 19 of an SQLite file: 2 is WAL, 1 is not.
  CHECK(read_file(fixture.run.database()).substr(18, 2) == "\x01\x01");
  CHECK(number(fixture.run, "SELECT count(*) FROM tasks") == 1);
}

TEST_CASE("who reads neither stops the journal nor waits for it") {
  for (const bool is_local : {true, false}) {
    INFO("local " << is_local);
    RunFixture fixture({Durability::normal, is_local, ""});
    SqliteJournal journal(fixture.run, fixture.options, "1.0");
    journal.record({{fact::TaskAccepted{TaskId(1), {}, {}}}, 0});
    REQUIRE(journal.commit(Time(1s)).size() == 1);
    CHECK(number(fixture.run, "SELECT count(*) FROM tasks") == 1);
    {
      SQLite::Database reader = open_for_reading(fixture.run.database());
      SQLite::Statement query(reader, "SELECT id FROM tasks");
      REQUIRE(query.executeStep());
      journal.record({{fact::TaskAccepted{TaskId(2), {}, {}}}, 0});
      // With a rollback journal the commit waits for the reader, and the run goes on.
      CHECK(journal.commit(Time(2s)).size() == (is_local ? 1 : 0));
      CHECK(journal.next_commit().has_value() == !is_local);
    }
    CHECK(journal.commit(Time(3s)).size() == (is_local ? 0 : 1));
    CHECK(number(fixture.run, "SELECT count(*) FROM tasks") == 2);
  }
}

TEST_CASE("a database that is not ours, or newer than us, is refused") {
  const TemporaryDirectory base;
  {
    SQLite::Database other((base / "run.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE recipes (id INTEGER)");
  }
  CHECK_THROWS_WITH(RunDatabase(base / "run.db", {}), Catch::Matchers::Matches(".*not a journal of drover.*"));
  CHECK_THROWS_WITH(open_for_reading(base / "run.db"), Catch::Matchers::Matches(".*not a journal of drover.*"));
  drover::test::write_file(base / "text.db", std::string(5000, 'x'));
  CHECK_THROWS_AS(RunDatabase(base / "text.db", {}), drover::Error);
  const RunFixture fixture;
  {
    RunDatabase database(fixture.run.database(), {});
    database.get().exec("PRAGMA user_version = 99");
  }
  CHECK_THROWS_WITH(RunDatabase(fixture.run.database(), {}), Catch::Matchers::Matches(".*newer drover.*99.*"));
}

TEST_CASE("one master a run directory, by a lock that dies with its holder") {
  const RunFixture fixture;
  CHECK_FALSE(current_master(fixture.run).has_value());
  {
    const RunLock lock = RunLock::acquire(fixture.run);
    CHECK_THROWS_WITH(RunLock::acquire(fixture.run), Catch::Matchers::Matches(".*in use by process [0-9]+ on .*"));
    REQUIRE(current_master(fixture.run).has_value());
    CHECK_THAT(*current_master(fixture.run), Catch::Matchers::StartsWith("process " + std::to_string(::getpid())));
  }
  CHECK_FALSE(current_master(fixture.run).has_value());
  struct Holder {
    explicit Holder(const RunDirectory& run) : lock(RunLock::acquire(run)) {}
    RunLock lock;
  };
  REQUIRE(drover::test::crash_using<Holder>([](Holder&) {}, fixture.run));
  CHECK_NOTHROW(RunLock::acquire(fixture.run));
}

TEST_CASE("what a program submitted is known again by its content, with what became of it") {
  const RunFixture fixture;
  const auto call = [](const std::string& payload, std::uint64_t maker = 0) {
    TaskSpec spec;
    spec.kind = TaskKind::function;
    spec.payload = payload;
    spec.tag = "label";
    spec.maker = TaskId(maker);
    return spec;
  };
  const auto accepted = [&](std::uint64_t task, const std::string& payload, std::uint64_t maker = 0) {
    return fact::TaskAccepted{TaskId(task), maker == 0 ? OwnerId() : owner_of(WorkerId(1)), call(payload, maker)};
  };
  const auto ended = [](std::uint64_t task, Outcome outcome, const std::string& value) {
    AttemptResult result;
    result.attempt = {TaskId(task), 1};
    result.outcome = std::move(outcome);
    result.value = value;
    return fact::AttemptEnded{result, WorkerId(1)};
  };
  {
    SqliteJournal journal(fixture.run, {}, "1.0");
    journal.record({{accepted(1, "a"), accepted(2, "a"), accepted(3, "b"), accepted(4, "maker"), accepted(5, "c", 4),
                     accepted(6, "d", 4), accepted(7, "e", 1)},
                    0});
    journal.record({{ended(1, Exited{0}, "A"), fact::TaskEnded{TaskId(1), {}, TaskEnd::succeeded},
                     ended(2, Threw{"type", "text"}, ""), fact::TaskEnded{TaskId(2), {}, TaskEnd::failed},
                     fact::TaskEnded{TaskId(3), {}, TaskEnd::cancelled}, ended(5, Exited{0}, "C"),
                     fact::TaskEnded{TaskId(5), owner_of(WorkerId(1)), TaskEnd::succeeded}},
                    0});
    (void)journal.flush();
  }
  SqliteJournal journal(fixture.run, {}, "1.0");
  journal.leave_calls_unclaimed();
  std::map<std::uint64_t, bool> unclaimed;
  for (const UnfinishedTask& task : journal.start().unfinished) unclaimed[task.id.value] = task.is_unclaimed;
  CHECK(unclaimed == std::map<std::uint64_t, bool>{{4, true}, {6, true}, {7, true}});

  // Nobody makes again what a task made that has ended.
  const std::vector<const UnfinishedTask*> alone = orphans(journal.start());
  REQUIRE(alone.size() == 1);
  CHECK(alone.front()->id == TaskId(7));

  RecordedCalls recorded(fixture.run);
  const auto first = recorded.take(call("a"));
  REQUIRE(first);
  CHECK(first->task == TaskId(1));
  CHECK(first->how == TaskEnd::succeeded);
  CHECK(first->value == "A");
  CHECK(first->num_attempts == 1);
  const auto second = recorded.take(call("a"));
  REQUIRE(second);
  CHECK(second->task == TaskId(2));
  CHECK(second->how == TaskEnd::failed);
  CHECK(second->outcome == Outcome(Threw{"type", "text"}));
  CHECK_FALSE(recorded.take(call("a")));
  CHECK_FALSE(recorded.take(call("b")));  // cancelled: who submits it again wants it
  CHECK_FALSE(recorded.take(call("c")));
  CHECK_FALSE(recorded.take(call("c", 1)));
  REQUIRE(recorded.take(call("c", 4)));
  TaskSpec other_label = call("maker");
  other_label.tag = "another";
  CHECK_FALSE(recorded.take(other_label));
  const auto unfinished = recorded.take(call("maker"));
  REQUIRE(unfinished);
  CHECK(unfinished->task == TaskId(4));
  CHECK_FALSE(unfinished->how);
}
