// What the journal takes: tasks recorded a second against a bare SQLite insert loop, and what a run with so many
// recorded tasks costs to take up again.
// usage: journal_rate record NUM DIR    records NUM ended tasks, and one that has not
//        journal_rate bare NUM DIR      inserts the same rows, and does nothing else
//        journal_rate resume DIR        reads what the scheduler goes on from
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "drover/journal/run_description.hpp"
#include "drover/journal/sqlite_journal.hpp"

namespace {

using namespace drover;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTasksInTurn = 1000;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

core::AttemptResult result_of(core::AttemptId attempt) {
  core::AttemptResult result;
  result.attempt = attempt;
  result.outcome = core::Exited{0};
  result.started_at = 1'700'000'000'000'000;
  result.runtime = std::chrono::microseconds(700);
  result.max_rss_kib = 1024;
  result.value = "12345678";
  return result;
}

/// A turn in which tasks come and the same number ends.
journal::Turn turn(core::TaskId first, std::uint64_t num) {
  journal::Turn turn{{}, 1'700'000'000'000'000};
  for (std::uint64_t i = 0; i < num; ++i) {
    const core::TaskId task(first.value + i);
    core::TaskSpec spec;
    spec.payload = "12345678";
    spec.kind = core::TaskKind::function;
    turn.facts.emplace_back(core::fact::TaskAccepted{task, core::OwnerId(0), std::move(spec)});
    const core::AttemptId attempt{task, 1};
    turn.facts.emplace_back(core::fact::AttemptDispatched{attempt, core::WorkerId(1)});
    turn.facts.emplace_back(core::fact::AttemptStarted{attempt});
    turn.facts.emplace_back(core::fact::AttemptEnded{result_of(attempt), core::WorkerId(1)});
    turn.facts.emplace_back(core::fact::TaskEnded{task, core::OwnerId(0), core::TaskEnd::succeeded});
  }
  return turn;
}

void record(std::uint64_t num, const std::string& path) {
  const journal::RunDirectory run = journal::RunDirectory::create(path);
  journal::create_run(run, {"bench", "1.0", 1, "/", "{}", {}});
  journal::SqliteJournal journal(run, {}, "1.0");
  const auto begin = Clock::now();
  for (std::uint64_t done = 0; done < num; done += kTasksInTurn) {
    journal.record(turn(core::TaskId(done + 1), std::min(kTasksInTurn, num - done)));
    (void)journal.commit(core::Time(Clock::now().time_since_epoch()));
  }
  core::TaskSpec last;
  last.payload = "not yet";
  journal.record({{core::fact::TaskAccepted{core::TaskId(num + 1), core::OwnerId(0), last}}, 1});
  (void)journal.flush();
  std::printf("%.0f\n", static_cast<double>(num) / seconds_since(begin));
}

void insert_bare(std::uint64_t num, const std::string& path) {
  const journal::RunDirectory run = journal::RunDirectory::create(path);
  journal::create_run(run, {"bench", "1.0", 1, "/", "{}", {}});
  SQLite::Database database(run.database().string(), SQLite::OPEN_READWRITE);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  SQLite::Statement task(database,
                         "INSERT INTO task_rows (id, owner, kind, payload, priority, depth, timeout, accepted_at) "
                         "VALUES (?, 0, 1, '12345678', 0, 0, 0, 1700000000000000)");
  SQLite::Statement attempt(database,
                            "INSERT INTO attempt_rows (task, n, worker, outcome, code, started_at, runtime, cpu_time, "
                            "max_rss_kib, stdout_bytes, stderr_bytes, value, recorded_at, task_end) VALUES "
                            "(?, 1, 1, 0, 0, 1700000000000000, 700, 0, 1024, 0, 0, '12345678', 1700000000000000, 0)");
  const auto begin = Clock::now();
  for (std::uint64_t id = 1; id <= num;) {
    SQLite::Transaction transaction(database);
    for (std::uint64_t i = 0; i < kTasksInTurn && id <= num; ++i, ++id) {
      for (SQLite::Statement* insert : {&task, &attempt}) {
        insert->bind(1, static_cast<std::int64_t>(id));
        insert->exec();
        insert->reset();
      }
    }
    transaction.commit();
  }
  std::printf("%.0f\n", static_cast<double>(num) / seconds_since(begin));
}

void resume(const std::string& path) {
  const journal::RunDirectory run = journal::RunDirectory::open(path);
  const auto begin = Clock::now();
  const journal::SqliteJournal journal(run, {}, "1.0");
  const double seconds = seconds_since(begin);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%.3f %ld %zu\n", seconds, usage.ru_maxrss, journal.start().unfinished.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "record" && argc == 4) {
    record(std::strtoull(argv[2], nullptr, 10), argv[3]);
  } else if (mode == "bare" && argc == 4) {
    insert_bare(std::strtoull(argv[2], nullptr, 10), argv[3]);
  } else if (mode == "resume" && argc == 3) {
    resume(argv[2]);
  } else {
    std::fprintf(stderr, "usage: %s record NUM DIR | bare NUM DIR | resume DIR\n", argv[0]);
    return 2;
  }
  return 0;
}
