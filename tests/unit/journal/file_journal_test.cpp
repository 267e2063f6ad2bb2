#include "drover/journal/file_journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "drover/journal/event_json.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover::core;
using namespace std::chrono_literals;
using drover::journal::append_event;
using drover::journal::FileJournal;
using drover::journal::RunDirectory;
using drover::test::read_file;
using drover::test::TemporaryDirectory;
using nlohmann::json;

namespace {

constexpr WallMicros kNow = 1'700'000'000'123'456;

json event(const Fact& fact) {
  std::string line;
  append_event(line, fact, kNow);
  REQUIRE(std::count(line.begin(), line.end(), '\n') == 1);
  REQUIRE(line.back() == '\n');
  return json::parse(line);
}

TaskSpec command(std::string text) {
  return {TaskKind::command, std::move(text), {}, {}};
}

AttemptResult result(std::uint64_t task, std::uint32_t n, Outcome outcome) {
  AttemptResult r;
  r.attempt = {TaskId(task), n};
  r.outcome = std::move(outcome);
  r.started_at = kNow;
  r.runtime = 1250ms + 900us;
  r.stdout_bytes = 42;
  return r;
}

Fact accepted(std::uint64_t task, std::string text) {
  return fact::TaskAccepted{TaskId(task), {}, command(std::move(text))};
}
Fact joined(std::uint32_t worker, std::string host) {
  return fact::WorkerJoined{WorkerId(worker), {}, std::move(host), 99, 2, 1};
}
Fact ended(std::uint64_t task, TaskEnd how) {
  return fact::TaskEnded{TaskId(task), {}, how};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

constexpr const char* kHeader = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand";

}  // namespace

TEST_CASE("every fact has its event") {
  const AttemptId attempt{TaskId(7), 2};
  CHECK(event(fact::InputEnded{}) == json{{"t", 1700000000.123456}, {"event", "input_ended"}});
  CHECK(event(fact::TaskAccepted{TaskId(7), OwnerId(3), {TaskKind::command, "ls", {}, "x"}}) ==
        json{{"t", 1700000000.123456},
             {"event", "task_accepted"},
             {"task", 7},
             {"owner", 3},
             {"kind", "command"},
             {"command", "ls"},
             {"tag", "x"}});
  const json function = event(fact::TaskAccepted{TaskId(7), {}, {TaskKind::function, "\x01\xff", {}, {}}});
  CHECK(function.at("kind") == "function");
  CHECK_FALSE(function.contains("command"));
  const json worker = event(joined(4, "n1"));
  CHECK(worker.at("event") == "worker_joined");
  CHECK(worker.at("host") == "n1");
  CHECK(worker.at("slots") == 2);
  CHECK(event(fact::WorkerEnded{WorkerId(4), WorkerEnd::lost, "lease"}).at("how") == "lost");
  CHECK(event(fact::WorkerDraining{WorkerId(4)}).at("worker") == 4);
  CHECK(event(fact::AttemptDispatched{attempt, WorkerId(4)}).at("attempt") == 2);
  CHECK(event(fact::AttemptStarted{attempt}).at("event") == "attempt_started");
  CHECK(event(fact::AttemptSuperseded{attempt, WorkerId(4)}).at("event") == "attempt_superseded");
  CHECK(event(fact::AttemptHandedBack{attempt}).at("event") == "attempt_handed_back");
  CHECK(event(fact::AttemptLost{attempt, WorkerId(4), true}).at("charged") == true);
  CHECK(event(fact::TaskDelayed{TaskId(7), {}}).at("task") == 7);
  CHECK(event(ended(7, TaskEnd::quarantined)).at("how") == "quarantined");
  CHECK(event(fact::DispatchStopped{StopReason::halt_policy, true}).at("reason") == "halt_policy");
}

TEST_CASE("the event of an attempt's end tells all of it") {
  AttemptResult r = result(7, 1, NotStarted{2, "no such \"file\""});
  r.stderr_tail = "tail\twith tab";
  const json e = event(fact::AttemptEnded{r, WorkerId(4)});
  CHECK(e.at("outcome") == "not_started");
  CHECK(e.at("exit") == 127);
  CHECK(e.at("reason") == "no such \"file\"");
  CHECK(e.at("runtime") == 1.2509);
  CHECK(e.at("stdout_bytes") == 42);
  CHECK(e.at("stderr_tail") == "tail\twith tab");
  CHECK(event(fact::AttemptEnded{result(7, 1, TimedOut{15}), {}}).at("exit") == -1);
}

TEST_CASE("any bytes make valid JSON") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const json e = event(accepted(1, all + "gr\xc3\xbc\xc3\x9f" + "e\xc3"));
  const auto text = e.at("command").get<std::string>();
  CHECK(text.substr(0, 128) == all.substr(0, 128));
  CHECK_THAT(text, Catch::Matchers::EndsWith("gr\xc3\xbc\xc3\x9f"
                                             "e\xef\xbf\xbd"));
}

TEST_CASE("the job log has GNU parallel's format") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "run");
  FileJournal journal(run);
  journal.record({{joined(1, "n1"), accepted(1, "true"), accepted(2, "echo a\necho\tb"), accepted(3, "sleep 9"),
                   accepted(4, "kill -9 $$"), accepted(5, "never run")},
                  kNow});
  journal.record({{fact::AttemptEnded{result(2, 1, Exited{3}), WorkerId(1)}, ended(2, TaskEnd::failed),
                   fact::AttemptEnded{result(1, 1, Exited{0}), WorkerId(1)}, ended(1, TaskEnd::succeeded),
                   fact::AttemptEnded{result(3, 1, TimedOut{15}), WorkerId(1)},
                   fact::WorkerEnded{WorkerId(1), WorkerEnd::lost, "gone"}, ended(3, TaskEnd::timed_out)},
                  kNow});
  journal.record({{joined(2, "n2"), fact::AttemptEnded{result(4, 1, Exited{1}), WorkerId(2)},
                   fact::AttemptEnded{result(4, 2, Signaled{9}), WorkerId(2)}, ended(4, TaskEnd::failed),
                   ended(5, TaskEnd::cancelled)},
                  kNow});
  (void)journal.flush();
  using namespace std::string_literals;
  CHECK(lines(read_file(run.job_log())) ==
        std::vector<std::string>{kHeader, "2\tn1\t1700000000.123\t     1.250\t0\t42\t3\t0\techo a\0echo\tb"s,
                                 "1\tn1\t1700000000.123\t     1.250\t0\t42\t0\t0\ttrue",
                                 "3\tn1\t1700000000.123\t     1.250\t0\t42\t-1\t15\tsleep 9",
                                 "4\tn2\t1700000000.123\t     1.250\t0\t42\t0\t9\tkill -9 $$",
                                 "5\t-\t1700000000.123\t     0.000\t0\t0\t-1\t0\tnever run"});
}

TEST_CASE("the job log leaves out tasks of others, and shows the job slot's place") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "run");
  FileJournal journal(run);
  const TaskSpec marked{TaskKind::command, "run  -o ", {4, 8}, {}};
  journal.record(
      {{fact::TaskAccepted{TaskId(1), OwnerId(2), command("theirs")},
        fact::AttemptEnded{result(1, 1, Exited{0}), WorkerId(9)},
        fact::TaskEnded{TaskId(1), OwnerId(2), TaskEnd::succeeded}, fact::TaskAccepted{TaskId(2), {}, marked},
        fact::AttemptEnded{result(2, 1, Exited{0}), WorkerId(9)}, ended(2, TaskEnd::succeeded)},
       kNow});
  (void)journal.flush();
  const auto log = lines(read_file(run.job_log()));
  REQUIRE(log.size() == 2);
  CHECK(log[1] == "2\t-\t1700000000.123\t     1.250\t0\t42\t0\t0\trun {%} -o {%}");
}

TEST_CASE("a crash loses no turn that was given back as safe") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "run");
  const auto record = [](FileJournal& journal, std::uint64_t task) {
    journal.record({{accepted(task, "c"), ended(task, TaskEnd::cancelled)}, kNow});
  };
  REQUIRE(drover::test::crash_using<FileJournal>(
      [&](FileJournal& journal) {
        record(journal, 1);
        record(journal, 2);
        if (journal.commit(Time(1s)).size() != 2) throw std::runtime_error("not safe");
        record(journal, 3);
        if (!journal.commit(Time(1s)).empty()) throw std::runtime_error("before its time");
        if (journal.commit(journal.next_commit().value()).size() != 1) throw std::runtime_error("not safe");
        record(journal, 4);  // lost
      },
      run));
  CHECK(lines(read_file(run.job_log())).size() == 1 + 3);
  CHECK(lines(read_file(run.events())).size() == 2 * 3);
}

TEST_CASE("a journal continues behind torn last lines") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "run");
  {
    FileJournal journal(run);
    journal.record({{accepted(1, "one"), ended(1, TaskEnd::cancelled)}, kNow});
  }
  const std::string whole_log = read_file(run.job_log());
  const std::string whole_events = read_file(run.events());
  drover::test::append_file(run.job_log(), "2\thost\t17");
  drover::test::append_file(run.events(), "{\"t\":17000");
  {
    FileJournal journal(run);
    journal.record({{fact::InputEnded{}, ended(2, TaskEnd::cancelled)}, kNow});
  }
  CHECK(lines(read_file(run.job_log())).size() == 3);
  CHECK(read_file(run.job_log()).substr(0, whole_log.size()) == whole_log);
  CHECK(read_file(run.events()).substr(0, whole_events.size()) == whole_events);
  for (const std::string& line : lines(read_file(run.events()))) CHECK(json::accept(line));
}

TEST_CASE("a journal on a full disk says so and keeps what it has") {
  const drover::test::SmallDisk disk("64k");
  if (!disk.is_available()) {
    WARN("skipped: only root can mount a small file system");
    return;
  }
  const RunDirectory run = RunDirectory::create(disk.path() / "run");
  FileJournal journal(run);
  const auto fill = [&] {
    for (std::uint64_t task = 1; task <= 10'000; ++task) {
      journal.record({{accepted(task, "command"), ended(task, TaskEnd::cancelled)}, kNow});
      (void)journal.commit(Time(task * 20ms));
    }
  };
  CHECK_THROWS_WITH(fill(),
                    Catch::Matchers::Matches(".*No space left on device.*") && Catch::Matchers::Matches(".*/run/.*"));
  const auto events = lines(read_file(run.events()));
  CHECK(events.size() > 100);
  for (std::size_t i = 0; i + 1 < events.size(); ++i) CHECK(json::accept(events[i]));
}
