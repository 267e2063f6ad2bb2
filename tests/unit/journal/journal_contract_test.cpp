// What every journal promises, shown for each of them.

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "drover/journal/file_journal.hpp"
#include "drover/journal/journal.hpp"
#include "drover/journal/run_description.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover::core;
using namespace std::chrono_literals;
using namespace drover::journal;
using drover::test::read_file;
using drover::test::SmallDisk;
using drover::test::TemporaryDirectory;

namespace {

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Journal>(const RunDirectory&)> open;
};

std::function<std::unique_ptr<Journal>(const RunDirectory&)> sqlite(DatabaseOptions options) {
  return [options](const RunDirectory& run) {
    if (!std::filesystem::exists(run.database())) create_run(run, {"id", "1.0", 1, "/", "{}", {}}, options);
    return std::make_unique<SqliteJournal>(run, options, "1.0");
  };
}

std::vector<Kind> kinds() {
  return {{"files", [](const RunDirectory& run) { return std::make_unique<FileJournal>(run); }},
          {"SQLite on a local file system", sqlite({Durability::normal, true, ""})},
          {"SQLite on a network file system", sqlite({Durability::normal, false, ""})},
          {"SQLite, safe from loss of power", sqlite({Durability::full, true, ""})},
          {"SQLite, neither waiting nor safe", sqlite({Durability::off, true, ""})}};
}

Turn turn(std::uint64_t task, const std::string& command = "command") {
  const TaskSpec spec{TaskKind::command, command, {}, {}};
  return {{fact::TaskAccepted{TaskId(task), {}, spec}, fact::TaskEnded{TaskId(task), {}, TaskEnd::cancelled}},
          static_cast<WallMicros>(task)};
}

std::uint64_t task_of(const Turn& turn) {
  return std::get<fact::TaskAccepted>(turn.facts.at(0)).task.value;
}

void append_tasks(std::vector<std::uint64_t>& tasks, const std::vector<Turn>& turns) {
  for (const Turn& turn : turns) tasks.push_back(task_of(turn));
}

std::vector<std::uint64_t> first(std::uint64_t num) {
  std::vector<std::uint64_t> numbers(num);
  for (std::uint64_t i = 0; i < num; ++i) numbers[i] = i + 1;
  return numbers;
}

/// The tasks of the job log, in its order.
std::vector<std::uint64_t> logged(const RunDirectory& run) {
  std::vector<std::uint64_t> tasks;
  const std::string log = read_file(run.job_log());
  for (std::size_t at = log.find('\n'); at != std::string::npos && at + 1 < log.size(); at = log.find('\n', at + 1))
    tasks.push_back(std::stoull(log.substr(at + 1)));
  return tasks;
}

/// Makes a journal of `kind` and lets `work` use it, in a process that then ends like a crash.
void crash_using(const Kind& kind, const RunDirectory& run, const std::function<void(Journal&)>& work) {
  struct Holder {
    Holder(const Kind& kind, const RunDirectory& run) : journal(kind.open(run)) {}
    std::unique_ptr<Journal> journal;
  };
  REQUIRE(drover::test::crash_using<Holder>([&](Holder& holder) { work(*holder.journal); }, kind, run));
}

}  // namespace

TEST_CASE("a journal gives back every turn once, in order, as it was") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const TemporaryDirectory base;
    const RunDirectory run = RunDirectory::create(base / "run");
    const auto journal = kind.open(run);
    CHECK(journal->commit(Time(1s)).empty());
    CHECK_FALSE(journal->next_commit().has_value());
    std::vector<std::uint64_t> safe;
    Time now(1s);
    for (std::uint64_t task = 1; task <= 200; ++task) {
      journal->record(turn(task));
      if (task % 3 == 0) append_tasks(safe, journal->commit(now));
      if (task % 50 == 0) append_tasks(safe, journal->flush());
      now += 1ms;
    }
    append_tasks(safe, journal->flush());
    CHECK(safe == first(200));
    CHECK(journal->flush().empty());
    CHECK_FALSE(journal->next_commit().has_value());
    CHECK(logged(run) == first(200));
  }
}

TEST_CASE("a journal commits when it said that it would, and not sooner than that") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const TemporaryDirectory base;
    const RunDirectory run = RunDirectory::create(base / "run");
    const auto journal = kind.open(run);
    journal->record(turn(1));
    CHECK(journal->commit(Time(1s)).size() == 1);
    CHECK(logged(run) == first(1));
    journal->record(turn(2));
    (void)journal->commit(Time(1s));
    const auto due = journal->next_commit();
    REQUIRE(due.has_value());
    CHECK(*due > Time(1s));
    CHECK(*due <= Time(1s) + 60s);
    CHECK(logged(run) == first(1));
    (void)journal->commit(*due);
    CHECK_FALSE(journal->next_commit().has_value());
    CHECK(logged(run) == first(2));
  }
}

TEST_CASE("a journal in a hurry commits sooner, if somebody waits for that") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const TemporaryDirectory base;
    const RunDirectory run = RunDirectory::create(base / "run");
    const auto journal = kind.open(run);
    journal->record(turn(1));
    CHECK(journal->commit(Time(1s)).size() == 1);
    journal->record(turn(2));
    const auto due = journal->next_commit();
    journal->hurry();
    const auto sooner = journal->next_commit();
    REQUIRE((due && sooner));
    if (kind.name == "SQLite, neither waiting nor safe")
      CHECK(*sooner == *due);
    else
      CHECK(*sooner < *due);
    CHECK(journal->commit(std::max(*sooner, Time(1s))).size() == 1);
    CHECK(logged(run) == first(2));
  }
}

TEST_CASE("a crash loses no turn that was given back, and nothing precedes its record") {
  for (const Kind& kind : kinds()) {
    if (kind.name == "SQLite, neither waiting nor safe") continue;
    INFO(kind.name);
    const TemporaryDirectory base;
    const RunDirectory run = RunDirectory::create(base / "run");
    crash_using(kind, run, [](Journal& journal) {
      for (std::uint64_t task = 1; task <= 20; ++task) journal.record(turn(task));
      if (journal.commit(Time(1s)).size() != 20) throw std::runtime_error("not safe");
      journal.record(turn(21));
      if (!journal.commit(Time(1s)).empty()) throw std::runtime_error("too soon");
    });
    CHECK(logged(run) == first(20));
    crash_using(kind, run, [](Journal& journal) {
      for (std::uint64_t task = 21; task <= 30; ++task) journal.record(turn(task));
      if (journal.flush().size() != 10) throw std::runtime_error("not safe");
    });
    { const auto journal = kind.open(run); }
    CHECK(logged(run) == first(30));
  }
}

TEST_CASE("a journal on a full disk says so, keeps what it has, and goes on once there is room") {
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const SmallDisk disk("2m");
    if (!disk.is_available()) {
      WARN("skipped: only root can mount a small file system");
      return;
    }
    const RunDirectory run = RunDirectory::create(disk.path() / "run");
    const auto filler = disk.path() / "filler";
    drover::test::write_file(filler, std::string(500'000, 'x'));
    std::vector<std::uint64_t> safe;
    std::uint64_t num_recorded = 0;
    {
      const auto journal = kind.open(run);
      const auto fill = [&] {
        Time now(1s);
        while (num_recorded < 10'000) {
          journal->record(turn(++num_recorded, std::string(200, 'c')));
          append_tasks(safe, journal->commit(now += 100ms));
        }
      };
      CHECK_THROWS_WITH(fill(), Catch::Matchers::Matches(".*(No space left|disk is full).*make room there.*"));
      CHECK(num_recorded > 10);
      CHECK_THROWS_AS(journal->flush(), drover::Error);
      std::filesystem::remove(filler);
      append_tasks(safe, journal->flush());
    }
    CHECK(safe == first(num_recorded));
    CHECK(logged(run) == first(num_recorded));
  }
}
