// A real run on real ranks while workers are killed, frozen and woken, and groups are added and drained,
// all drawn from a seed. usage: chaos_test DROVER [SEED [TASKS [EVENTS]]]
//
// Afterwards the history of the run must prove that no task was lost or recorded twice, and a file to
// which every task appends its number that each was executed.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "drover/control/control_client.hpp"
#include "history.hpp"

namespace {

namespace fs = std::filesystem;
namespace control = drover::control;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kRunLimit = 8min;
constexpr auto kStartLimit = 30s;
constexpr std::size_t kMostWorkers = 8;

struct Plan {
  std::string drover;
  unsigned seed = 1;
  unsigned num_tasks = 10'000;
  unsigned num_events = 110;
};

[[noreturn]] void give_up(const std::string& why) {
  std::printf("FAILED: %s\n", why.c_str());
  std::exit(1);
}

/// `drover run` in a scratch directory, ended with this object.
class Run {
 public:
  Run(const Plan& plan, const fs::path& scratch) : directory_(scratch / "run") {
    std::ofstream tasks(scratch / "tasks");
    // One write to a file opened for appending is whole, whoever else writes.
    for (unsigned i = 1; i <= plan.num_tasks; ++i)
      tasks << "sleep 0.0" << i % 10 << "; echo " << i << " >>" << (scratch / "effects").string() << "\n";
    tasks.close();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::chdir(scratch.c_str());
    const int log = ::open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execl(plan.drover.c_str(), "drover", "run", "-j", "4", "--lease", "3s", "--heartbeat", "500ms", "--respawn",
            "1000", "--respawn-delay", "200ms", "--max-worker-kills", "1000", "--max-host-losses", "0", "--run-dir",
            "run", "tasks", nullptr);
    ::_exit(127);
  }
  ~Run() {
    if (is_over()) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  [[nodiscard]] bool is_over() {
    if (!has_ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) has_ended_ = true;
    return has_ended_;
  }
  [[nodiscard]] int exit_status() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }
  [[nodiscard]] const fs::path& directory() const { return directory_; }

 private:
  fs::path directory_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool has_ended_ = false;
};

class Chaos {
 public:
  Chaos(const Plan& plan, Run& run) : random_(plan.seed), run_(run) {}
  ~Chaos() { wake_all(); }
  Chaos(const Chaos&) = delete;
  Chaos& operator=(const Chaos&) = delete;

  /// One event; false once the run is over.
  bool strike();
  void wake_all();
  [[nodiscard]] const std::map<std::string, unsigned>& counts() const { return counts_; }

 private:
  using Status = control::reply::Status;

  [[nodiscard]] std::unique_ptr<control::ControlClient> connect() const;
  void kill_one(const Status& status);
  void freeze_one(const Status& status);
  void wake_one();
  void add_group(control::ControlClient& client, const Status& status);
  void drain_group(control::ControlClient& client, const Status& status);
  [[nodiscard]] unsigned draw(std::size_t num) { return static_cast<unsigned>(random_() % num); }

  std::mt19937 random_;
  Run& run_;
  std::set<pid_t> frozen_;
  std::map<std::string, unsigned> counts_;
};

std::unique_ptr<control::ControlClient> Chaos::connect() const {
  try {
    return std::make_unique<control::ControlClient>(run_.directory(), 10s);
  } catch (const control::Unreachable&) {
    return nullptr;
  }
}

bool Chaos::strike() {
  const auto client = connect();
  if (!client) return !run_.is_over();
  try {
    const auto status = client->ask<Status>(control::Request(control::request::Status{}));
    switch (draw(10)) {
      case 0:
      case 1:
      case 2:
        kill_one(status);
        break;
      case 3:
      case 4:
        freeze_one(status);
        break;
      case 5:
      case 6:
        wake_one();
        break;
      case 7:
      case 8:
        add_group(*client, status);
        break;
      default:
        drain_group(*client, status);
    }
  } catch (const drover::Error& e) {
    ++counts_["refused or cut off"];
  }
  return !run_.is_over();
}

void Chaos::kill_one(const Status& status) {
  if (status.workers.empty()) return;
  ::kill(status.workers[draw(status.workers.size())].pid, SIGKILL);
  ++counts_["killed"];
}

void Chaos::freeze_one(const Status& status) {
  if (status.workers.empty() || frozen_.size() > 2) return;
  const pid_t pid = status.workers[draw(status.workers.size())].pid;
  if (::kill(pid, SIGSTOP) == 0 && frozen_.insert(pid).second) ++counts_["frozen"];
}

void Chaos::wake_one() {
  if (frozen_.empty()) return;
  const auto chosen = std::next(frozen_.begin(), draw(frozen_.size()));
  ::kill(*chosen, SIGCONT);
  frozen_.erase(chosen);
  ++counts_["woken"];
}

void Chaos::wake_all() {
  for (const pid_t pid : frozen_) ::kill(pid, SIGCONT);
  frozen_.clear();
}

void Chaos::add_group(control::ControlClient& client, const Status& status) {
  if (status.workers.size() >= kMostWorkers) return;
  control::request::ScaleAdd request;
  request.population = 1 + draw(2);
  (void)client.send(control::Request(request));  // whoever comes, comes
  ++counts_["groups added"];
}

void Chaos::drain_group(control::ControlClient& client, const Status& status) {
  std::vector<drover::core::GroupId> running;
  for (const control::GroupStatus& group : status.groups)
    if (group.state == control::GroupState::running && group.source != drover::core::GroupSource::world)
      running.push_back(group.group);
  if (running.empty()) return;
  control::request::Drain request;
  request.target = running[draw(running.size())];
  request.now = draw(2) == 0;
  (void)client.ask<control::reply::Draining>(control::Request(request));
  ++counts_["groups drained"];
}

void check_effects(const fs::path& file, unsigned num_tasks) {
  std::ifstream effects(file);
  std::vector<unsigned> times(num_tasks + 1, 0);
  unsigned num_executions = 0;
  for (unsigned task = 0; effects >> task;) {
    if (task == 0 || task > num_tasks) give_up("a task wrote " + std::to_string(task));
    ++times[task];
    ++num_executions;
  }
  for (unsigned task = 1; task <= num_tasks; ++task)
    if (times[task] == 0) give_up("task " + std::to_string(task) + " was never executed");
  std::printf("%u tasks executed %u times\n", num_tasks, num_executions);
}

void check(const Plan& plan, const Run& run, const fs::path& scratch) {
  const drover::chaos::HistoryVerdict verdict = drover::chaos::check_history(run.directory() / "events.jsonl");
  std::printf("%lu tasks, %lu succeeded, %lu attempts, %lu late results, %lu workers lost, %lu groups\n",
              verdict.num_tasks, verdict.num_succeeded, verdict.num_attempts, verdict.num_superseded,
              verdict.num_lost_workers, verdict.num_groups);
  for (const std::string& fault : verdict.faults) std::printf("  %s\n", fault.c_str());
  if (!verdict.faults.empty()) give_up("the history breaks its promises");
  if (verdict.num_tasks != plan.num_tasks) give_up("not every task was accepted");
  if (verdict.num_succeeded != plan.num_tasks) give_up("not every task succeeded");
  check_effects(scratch / "effects", plan.num_tasks);
  if (run.exit_status() != 0) give_up("the exit status is " + std::to_string(run.exit_status()));
}

void play(const Plan& plan, const fs::path& scratch) {
  Run run(plan, scratch);
  const auto begin = Clock::now();
  while (!fs::exists(run.directory() / "control.sock")) {
    if (run.is_over() || Clock::now() - begin > kStartLimit) give_up("the run did not start");
    std::this_thread::sleep_for(50ms);
  }
  {
    Chaos chaos(plan, run);
    std::mt19937 pauses(plan.seed + 1);
    for (unsigned i = 0; i < plan.num_events && chaos.strike(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100 + pauses() % 400));
    for (const auto& [what, times] : chaos.counts()) std::printf("%s: %u\n", what.c_str(), times);
  }
  while (!run.is_over()) {
    if (Clock::now() - begin > kRunLimit) give_up("the run does not end");
    std::this_thread::sleep_for(50ms);
  }
  std::printf("took %.1f s\n", std::chrono::duration<double>(Clock::now() - begin).count());
  check(plan, run, scratch);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) give_up("usage: chaos_test DROVER [SEED [TASKS [EVENTS]]]");
  Plan plan;
  plan.drover = fs::absolute(argv[1]).string();
  if (argc > 2) plan.seed = static_cast<unsigned>(std::atoi(argv[2]));
  if (argc > 3) plan.num_tasks = static_cast<unsigned>(std::atoi(argv[3]));
  if (argc > 4) plan.num_events = static_cast<unsigned>(std::atoi(argv[4]));
  std::printf("seed %u\n", plan.seed);
  std::string pattern = (fs::temp_directory_path() / "drover-chaos-XXXXXX").string();
  const fs::path scratch = ::mkdtemp(pattern.data());
  play(plan, scratch);
  fs::remove_all(scratch);
  std::printf("passed\n");
  return 0;
}
