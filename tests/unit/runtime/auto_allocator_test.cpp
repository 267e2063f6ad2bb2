#include "drover/runtime/auto_allocator.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "drover/core/scheduler.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/slurm_jobs.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace drover;
using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

/// The tools of Slurm as scripts of a test, alone in PATH with those of the system; what they were called
/// with is in `calls`.
class FakeSlurm {
 public:
  FakeSlurm() : root_(fs::temp_directory_path() / ("drover alloc " + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(run_dir());
    ::setenv("PATH", (root_.string() + ":" + old_path_).c_str(), 1);
    ::setenv("FAKE", root_.c_str(), 1);
    sbatch("echo 1; echo '1 PENDING 0:00 Resources' >\"$FAKE/queue\"");
    write("squeue", "cat \"$FAKE/queue\" 2>/dev/null; true");
    write("scancel", "rm -f \"$FAKE/queue\"");
  }
  ~FakeSlurm() {
    ::setenv("PATH", old_path_.c_str(), 1);
    ::unsetenv("FAKE");
    fs::remove_all(root_);
  }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;

  void sbatch(const std::string& script) { write("sbatch", script); }
  void squeue(const std::string& script) { write("squeue", script); }
  void scancel(const std::string& script) { write("scancel", script); }
  void queue(const std::string& lines) { std::ofstream(root_ / "queue") << lines; }

  [[nodiscard]] fs::path run_dir() const { return root_ / "the run"; }
  [[nodiscard]] std::string ledger() const { return text(run_dir() / "auto-alloc.tsv"); }
  /// How often a tool was called.
  [[nodiscard]] int num_calls(const std::string& tool) const {
    std::istringstream calls(text(root_ / "calls"));
    int num = 0;
    for (std::string line; std::getline(calls, line);) num += line.starts_with(tool + " ") ? 1 : 0;
    return num;
  }

 private:
  static std::string text(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& script) {
    std::ofstream(root_ / name) << "#!/bin/sh\necho \"" << name << " $*\" >>\"$FAKE/calls\"\n" << script << "\n";
    fs::permissions(root_ / name, fs::perms::owner_all);
  }

  fs::path root_;
  std::string old_path_ = std::getenv("PATH");
};

/// A run with tasks and no worker, so that a job is due at once, on a clock that the test moves.
class Run {
 public:
  explicit Run(const FakeSlurm& slurm) {
    options.run_dir = slurm.run_dir();
    options.worker_command = {"drover", "worker", "--join", "it's here"};
    (void)scheduler.handle(core::event::TasksSubmitted{core::OwnerId(0), std::vector<core::TaskSpec>(5)}, now);
  }

  AutoAllocator& begin() {
    return allocator.emplace(options, [this](const std::string& line) { said.push_back(line); });
  }
  /// Lets virtual time pass, and whatever runs come to its end.
  void pass(core::Duration time) {
    now += time;
    for (int i = 0; i < 3; ++i) {  // an answer, what follows from it, and its answer
      std::this_thread::sleep_for(60ms);
      now += 1s;
      allocator->on_turn(scheduler, now);
    }
  }
  /// Until a line has these words, with little virtual time passing.
  void wait_for(const std::string& words) {
    const core::Time deadline = runtime::now() + 20s;
    while (!has_said(words)) {
      REQUIRE(runtime::now() < deadline);
      std::this_thread::sleep_for(5ms);
      now += 200ms;
      allocator->on_turn(scheduler, now);
    }
  }
  [[nodiscard]] bool has_said(const std::string& words) const {
    return std::any_of(said.begin(), said.end(), [&](const auto& line) { return line.find(words) != line.npos; });
  }

  AutoAllocOptions options;
  std::vector<std::string> said;
  core::Time now{1h};
  core::Scheduler scheduler{core::Policy{}};
  std::optional<AutoAllocator> allocator;
};

}  // namespace

TEST_CASE("what sbatch prints is its job, whatever else it says") {
  CHECK(submitted_job("17\n") == "17");
  CHECK(submitted_job("sbatch: warning: can't run 1 processes on 2 nodes\n17;north\n") == "17");
  CHECK_FALSE(submitted_job(""));
  CHECK_FALSE(submitted_job("Submitted batch job 17\n"));
  CHECK_FALSE(submitted_job("-17\n"));
}

TEST_CASE("what squeue prints is jobs that there are, and why they wait") {
  const std::vector<QueueEntry> entries = queue_entries(
      "17 PENDING 0:00 Nodes required for job are DOWN\n18 RUNNING 1-02:03:04 None\n19 COMPLETED 5:00 None\n"
      "20 RUNNING 7:30 None\nslurm_load_jobs error: x\n21 CONFIGURING INVALID None\n");
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].job.id == "17");
  CHECK_FALSE(entries[0].job.time_used);
  CHECK(entries[0].reason == "Nodes required for job are DOWN");
  CHECK(entries[1].job.time_used == 26h + 3min + 4s);
  CHECK(entries[1].reason.empty());
  CHECK(entries[2].job.time_used == 7min + 30s);
  CHECK(entries[3].job.time_used == 0s);
}

TEST_CASE("the name of a run's jobs is its own") {
  CHECK(slurm_job_name("/a/run") == slurm_job_name("/a/run"));
  CHECK(slurm_job_name("/a/run") != slurm_job_name("/b/run"));
  CHECK(slurm_job_name("/a/my, run").starts_with("drover-myrun-"));
}

TEST_CASE("a job asks for what the job of the run has") {
  const Environment environment{{"SLURM_JOB_CPUS_PER_NODE", "16(x2),8"}, {"SLURM_CPUS_PER_TASK", "4"},
                                {"SLURM_MEM_PER_NODE", "64000"},         {"SLURM_JOB_PARTITION", "long"},
                                {"SLURM_JOB_ACCOUNT", "(null)"},         {"SLURM_GPUS_ON_NODE", "2"}};
  const std::string description =
      "JobId=17 JobName=x Features=a100&ib Reservation=course TresPerNode=gres:gpu:a100:2,gres:shard:1 Licenses=(null)";
  using Options = std::vector<std::string>;
  CHECK(inherited_options(environment, description) == Options{"--cpus-per-task=8", "--mem=64000",
                                                               "--gres=gpu:a100:2,shard:1", "--constraint=a100&ib",
                                                               "--reservation=course", "--partition=long"});
  // A newer Slurm's way of writing it, and what is known when nobody answers.
  CHECK(inherited_options({}, "TresPerNode=gres/gpu:2 Features=(null)") == Options{"--gres=gpu:2"});
  CHECK(inherited_options({{"SLURM_CPUS_PER_TASK", "8"}, {"SLURM_MEM_PER_CPU", "500"}, {"SLURM_GPUS_ON_NODE", "1"}},
                          "") == Options{"--cpus-per-task=8", "--mem-per-cpu=500", "--gpus-per-node=1"});
  CHECK(inherited_options({}, "").empty());
}

TEST_CASE("what the user says of a job replaces what it would inherit") {
  const auto command_with = [](const std::vector<std::string>& options) {
    WorkerJob job;
    job.inherited = {"--cpus-per-task=8", "--mem=64000", "--gres=gpu:2", "--partition=long"};
    job.options = options;
    return sbatch_command(job);
  };
  const auto has = [](const std::vector<std::string>& command, const std::string& word) {
    return std::find(command.begin(), command.end(), word) != command.end();
  };
  CHECK(has(command_with({}), "--mem=64000"));
  // Slurm takes only one of these.
  for (const char* option : {"--mem-per-cpu=500", "--mem=100", "--mem"})
    CHECK_FALSE(has(command_with({option}), "--mem=64000"));
  CHECK(has(command_with({"--mem-bind=none"}), "--mem=64000"));
  for (const char* option : {"--gpus-per-node=1", "-G2"}) CHECK_FALSE(has(command_with({option}), "--gres=gpu:2"));
  CHECK_FALSE(has(command_with({"-p", "short"}), "--partition=long"));
  CHECK_FALSE(has(command_with({"-c4"}), "--cpus-per-task=8"));
}

TEST_CASE("the command line of a job whose nodes join") {
  const std::vector<std::string> command =
      sbatch_command({"/runs/100%", {3, 90min}, {"--cpus-per-task=8"}, {"--partition=short"}, {"/bin/drover", "it's"}});
  const auto place = [&](const std::string& word) { return std::find(command.begin(), command.end(), word); };
  CHECK(place("--cpus-per-task=8") < place("--partition=short"));
  CHECK(place("--partition=short") < place("--nodes=3"));
  CHECK(place("--time=90") != command.end());
  CHECK(place("--signal=B:USR1@120") != command.end());
  CHECK(place("--output=/runs/100%%/auto-alloc-%j.log") != command.end());
  CHECK(command.back() == "exec /bin/drover 'it'\\''s'");
}

TEST_CASE("a job that was submitted is known until it is cancelled at the end") {
  FakeSlurm slurm;
  Run run(slurm);
  run.begin();
  run.wait_for("Slurm job 1 was submitted");
  run.pass(10min);
  CHECK(slurm.num_calls("sbatch") == 1);
  CHECK(slurm.num_calls("scancel") == 0);
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 1);
  CHECK(slurm.ledger().starts_with("try\njob 1 1 3600\nend 1 "));
}

TEST_CASE("a run that submitted nothing cancels nothing") {
  FakeSlurm slurm;
  Run run(slurm);
  run.begin();
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 0);
  CHECK(cancel_left_jobs(slurm.run_dir()).empty());
  CHECK(slurm.num_calls("scancel") == 0);
}

TEST_CASE("a dry run says what it would submit, and calls nobody") {
  FakeSlurm slurm;
  Run run(slurm);
  run.options.is_dry_run = true;
  run.begin();
  run.wait_for("5 tasks wait: would submit: sbatch ");
  run.pass(10min);
  run.allocator.reset();
  CHECK(run.said.size() == 1);
  CHECK(slurm.num_calls("sbatch") + slurm.num_calls("squeue") + slurm.num_calls("scancel") == 0);
  CHECK(cancel_left_jobs(slurm.run_dir()).empty());
}

TEST_CASE("what a site refuses is said in Slurm's words, tried again later, and not for ever") {
  FakeSlurm slurm;
  slurm.sbatch("echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1");
  Run run(slurm);
  run.options.policy.max_tries = 3;
  run.begin();
  run.wait_for("no job was submitted: sbatch: error: QOSMaxSubmitJobPerUserLimit");
  run.pass(10s);
  CHECK(slurm.num_calls("sbatch") == 1);
  for (int i = 0; i < 10; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 3);
  CHECK(run.has_said("no further job is submitted: 3 submissions were all there may be"));
  CHECK(slurm.ledger() == "try\ntry\ntry\n");
}

TEST_CASE("an sbatch that is missing is no more than a failure") {
  FakeSlurm slurm;
  Run run(slurm);
  ::setenv("PATH", "/nonexistent", 1);
  run.begin();
  run.wait_for("no job was submitted: cannot start 'sbatch'");
}

TEST_CASE("an sbatch that hangs is ended, and its job is found by its name") {
  FakeSlurm slurm;
  slurm.sbatch("echo '9 PENDING 0:00 Priority' >\"$FAKE/queue\"; exec sleep 1000");
  Run run(slurm);
  run.begin();
  run.pass(1s);
  run.pass(59s);
  CHECK(run.has_said("no job was submitted: no answer in time"));
  for (int i = 0; i < 5; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 1);
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 1);
}

TEST_CASE("an sbatch that hangs does not keep the end of the run, and what it submitted is cancelled") {
  FakeSlurm slurm;
  slurm.sbatch("echo '9 PENDING 0:00 Priority' >\"$FAKE/queue\"; exec sleep 1000");
  Run run(slurm);
  run.options.last_answer_limit = 500ms;
  run.begin();
  run.allocator->on_turn(run.scheduler, run.now);
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 1);
  CHECK_FALSE(fs::exists(slurm.run_dir().parent_path() / "queue"));
}

TEST_CASE("an sbatch that lies about its job has no other cancelled, and the caps hold") {
  FakeSlurm slurm;
  slurm.sbatch("echo 4711; echo '9 RUNNING 0:01 None' >\"$FAKE/queue\"");
  Run run(slurm);
  run.options.policy.max_jobs = 1;
  run.begin();
  run.wait_for("Slurm job 4711 was submitted");
  run.wait_for("Slurm job 4711 ended before its nodes had joined");
  for (int i = 0; i < 5; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 1);
  slurm.scancel("case \"$*\" in --name=drover-therun-*) rm -f \"$FAKE/queue\" ;; esac");
  run.allocator.reset();
  CHECK_FALSE(run.has_said("may be left"));
}

TEST_CASE("an sbatch that names no job, or talks nonsense, has failed") {
  FakeSlurm slurm;
  slurm.sbatch("echo 'Submitted, thank you'");
  Run run(slurm);
  run.options.policy.max_tries = 2;
  run.begin();
  run.wait_for("sbatch named no job: Submitted, thank you");
  for (int i = 0; i < 5; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 2);
}

TEST_CASE("a squeue that fails changes nothing that was known") {
  FakeSlurm slurm;
  Run run(slurm);
  run.begin();
  run.wait_for("Slurm job 1 was submitted");
  slurm.squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1");
  for (int i = 0; i < 5; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 1);
  CHECK(run.said.size() == 1);
}

TEST_CASE("why a job waits is said once, unless waiting is all that is needed") {
  FakeSlurm slurm;
  slurm.sbatch("echo 1; echo '1 PENDING 0:00 PartitionTimeLimit' >\"$FAKE/queue\"");
  Run run(slurm);
  run.begin();
  run.wait_for("Slurm job 1 waits: PartitionTimeLimit");
  for (int i = 0; i < 3; ++i) run.pass(1min);
  CHECK(run.said.size() == 2);
}

TEST_CASE("the next master goes on with the jobs and the counts of the one before it") {
  FakeSlurm slurm;
  Run run(slurm);
  run.options.policy.max_tries = 1;
  run.begin();
  run.wait_for("Slurm job 1 was submitted");
  run.allocator->hand_over();
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 0);
  slurm.queue("1 RUNNING 10:00 None\n");
  run.begin();
  run.wait_for("no further job is submitted: 1 submissions were all there may be");
  CHECK(slurm.num_calls("sbatch") == 1);
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 1);
}

TEST_CASE("a job that a master submitted as it died is known to the next by its name") {
  FakeSlurm slurm;
  std::ofstream(slurm.run_dir() / "auto-alloc.tsv") << "try\njob 5 1 36";
  slurm.queue("5 PENDING 0:00 Priority\n");
  Run run(slurm);
  run.begin();
  for (int i = 0; i < 3; ++i) run.pass(1h);
  CHECK(slurm.num_calls("sbatch") == 0);
  run.allocator.reset();
  CHECK(slurm.num_calls("scancel") == 1);
}

TEST_CASE("jobs that cannot be cancelled are said to be left") {
  FakeSlurm slurm;
  Run run(slurm);
  run.begin();
  run.wait_for("Slurm job 1 was submitted");
  slurm.scancel("echo 'scancel: error: Kill job error' >&2; exit 1");
  run.allocator.reset();
  CHECK(run.has_said("may be left (scancel: error: Kill job error): scancel --name=drover-therun-"));
}
