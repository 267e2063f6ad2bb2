#include "drover/core/auto_alloc.hpp"

#include "support/catch.hpp"

using namespace drover::core;
using namespace std::chrono_literals;

namespace {

/// A plan on virtual time, with work that lasts unless a test says otherwise.
class Plan {
 public:
  explicit Plan(AutoAllocPolicy policy) : alloc(policy) {}

  /// Whether a job is due after a while of the same backlog.
  bool is_due_after(Duration time) {
    now += time;
    alloc.note(backlog, now);
    return alloc.due(now).has_value();
  }
  void submit(const std::string& id) {
    REQUIRE(alloc.due(now));
    alloc.on_submitting();
    alloc.on_submitted(id, now);
  }
  std::vector<EndedJob> list(const std::vector<ListedJob>& jobs) { return alloc.on_listed(jobs, now); }

  AutoAlloc alloc;
  Backlog backlog{100, std::nullopt, true};
  Time now{};
};

AutoAllocPolicy policy() {
  AutoAllocPolicy policy;
  policy.patience = 60s;
  policy.num_nodes = 2;
  policy.job_limit = 1h;
  policy.max_jobs = 3;
  policy.max_node_time = 100h;
  policy.max_tries = 10;
  policy.retry_delay = 30s;
  return policy;
}

const ListedJob kWaitingJob{"1", std::nullopt};

ListedJob running(const std::string& id, Duration used) {
  return {id, used};
}

}  // namespace

TEST_CASE("a job is due once tasks have kept waiting for so long") {
  Plan plan(policy());
  CHECK_FALSE(plan.is_due_after(0s));
  CHECK_FALSE(plan.is_due_after(59s));
  CHECK(plan.is_due_after(1s));
  CHECK(plan.alloc.due(plan.now) == "100 tasks wait");
}

TEST_CASE("a moment without a waiting task begins the wait anew") {
  Plan plan(policy());
  CHECK_FALSE(plan.is_due_after(50s));
  plan.backlog.num_waiting = 0;
  CHECK_FALSE(plan.is_due_after(20s));
  plan.backlog.num_waiting = 100;
  CHECK_FALSE(plan.is_due_after(1s));
  CHECK_FALSE(plan.is_due_after(59s));
  CHECK(plan.is_due_after(1s));
}

TEST_CASE("work that is soon done by the slots that are there is worth no job") {
  Plan plan(policy());
  plan.backlog.time_ahead = 59s;
  CHECK_FALSE(plan.is_due_after(0s));
  CHECK_FALSE(plan.is_due_after(10min));
  plan.backlog.time_ahead = 60s;
  CHECK(plan.is_due_after(1s));
}

TEST_CASE("without slots there is nothing to wait for") {
  Plan plan(policy());
  plan.backlog = {1, std::nullopt, false};
  CHECK(plan.is_due_after(0s));
  plan.backlog.num_waiting = 0;
  CHECK_FALSE(plan.is_due_after(10min));
}

TEST_CASE("no job is submitted shortly before the run has to end") {
  AutoAllocPolicy limited = policy();
  limited.run_end = Time(10min);
  Plan plan(limited);
  CHECK_FALSE(plan.is_due_after(0s));
  CHECK(plan.is_due_after(9min));
  CHECK_FALSE(plan.is_due_after(1s));
}

TEST_CASE("as long as a job waits, no other is submitted") {
  Plan plan(policy());
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  plan.submit("1");
  CHECK_FALSE(plan.is_due_after(10min));
  CHECK(plan.list({kWaitingJob}).empty());
  CHECK_FALSE(plan.is_due_after(10min));
  CHECK(plan.list({running("1", 5s)}).empty());
  CHECK(plan.is_due_after(1s));
}

TEST_CASE("what has joined gets time to show what it does") {
  Plan plan(policy());
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  plan.submit("1");
  plan.is_due_after(10min);
  CHECK(plan.list({running("1", 1s)}).empty());
  plan.alloc.on_joined(plan.now);
  CHECK_FALSE(plan.is_due_after(59s));
  CHECK(plan.is_due_after(1s));
}

TEST_CASE("jobs at a time are capped") {
  Plan plan(policy());
  plan.is_due_after(0s);
  std::vector<ListedJob> jobs;
  for (const char* id : {"1", "2", "3"}) {
    REQUIRE(plan.is_due_after(2min));
    CHECK(plan.alloc.cap_reached(plan.now).empty());
    plan.submit(id);
    jobs.push_back(running(id, 1s));
    CHECK(plan.list(jobs).empty());
  }
  CHECK_FALSE(plan.is_due_after(2min));
  CHECK(plan.alloc.cap_reached(plan.now) == "3 at a time are all there may be");
  jobs.pop_back();
  plan.alloc.on_joined(plan.now);
  CHECK(plan.list(jobs).size() == 1);
  CHECK(plan.is_due_after(2min));
}

TEST_CASE("a job that nobody knew of counts too") {
  AutoAllocPolicy one = policy();
  one.max_jobs = 1;
  Plan plan(one);
  plan.is_due_after(0s);
  CHECK(plan.list({running("77", 1s)}).empty());
  CHECK_FALSE(plan.is_due_after(10min));
}

TEST_CASE("node-time is set aside when a job is submitted and charged when it has ended") {
  AutoAllocPolicy tight = policy();
  tight.max_node_time = 3h;  // each job may use two
  Plan plan(tight);
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  plan.submit("1");
  plan.is_due_after(1min);
  CHECK(plan.list({running("1", 10s)}).empty());
  CHECK_FALSE(plan.is_due_after(10min));
  CHECK(plan.alloc.cap_reached(plan.now) == "another would exceed the node-hours that there may be");
  plan.alloc.on_joined(plan.now);
  const std::vector<EndedJob> ended = plan.list({});
  REQUIRE(ended.size() == 1);
  CHECK(ended.front().node_time == 2 * (10min + 10s));
  CHECK(ended.front().has_joined);
  CHECK(plan.is_due_after(1min));  // 20 minutes used, two hours more
  plan.submit("2");
  plan.is_due_after(50min);
  CHECK(plan.list({running("2", 50min)}).empty());
  plan.alloc.on_joined(plan.now);
  CHECK(plan.list({}).front().node_time == 100min);
  CHECK_FALSE(plan.is_due_after(10min));
}

TEST_CASE("a job that ended unseen is charged with all the time that it may have had nodes") {
  Plan plan(policy());
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  plan.submit("1");
  plan.is_due_after(3min);
  CHECK(plan.list({}).front().node_time == 6min);  // it never was listed
  plan.alloc.recall_job("2", plan.alloc.job_size());
  CHECK(plan.list({}).front().node_time == 2h);  // nobody looked since it was submitted
  plan.alloc.recall_job("3", plan.alloc.job_size());
  plan.is_due_after(1min);
  CHECK(plan.list({running("3", 59min)}).empty());
  plan.is_due_after(5min);
  CHECK(plan.list({}).front().node_time == 2h);  // no job has nodes beyond its limit
}

TEST_CASE("submissions are capped, those that failed too") {
  AutoAllocPolicy few = policy();
  few.max_tries = 2;
  Plan plan(few);
  plan.is_due_after(0s);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(plan.is_due_after(10min));
    plan.alloc.on_submitting();
    CHECK_FALSE(plan.is_due_after(10min));  // no answer yet
    plan.alloc.on_failed(plan.now);
  }
  CHECK_FALSE(plan.is_due_after(24h));
  CHECK(plan.alloc.cap_reached(plan.now) == "2 submissions were all there may be");
}

TEST_CASE("the pause after a failure doubles, and a group that joins ends that") {
  Plan plan(policy());
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  for (const Duration pause : {30s, 60s, 120s}) {
    plan.alloc.on_submitting();
    plan.alloc.on_failed(plan.now);
    CHECK_FALSE(plan.is_due_after(pause - 1s));
    REQUIRE(plan.is_due_after(1s));
  }
  plan.alloc.on_joined(plan.now);
  CHECK(plan.is_due_after(1min));
  plan.alloc.on_submitting();
  plan.alloc.on_failed(plan.now);
  CHECK(plan.is_due_after(30s));
}

TEST_CASE("a job that ends before its nodes have joined is a failure") {
  Plan plan(policy());
  plan.is_due_after(0s);
  plan.is_due_after(1min);
  plan.submit("1");
  plan.is_due_after(5min);
  const std::vector<EndedJob> ended = plan.list({});
  REQUIRE(ended.size() == 1);
  CHECK_FALSE(ended.front().has_joined);
  CHECK_FALSE(plan.is_due_after(29s));
  CHECK(plan.is_due_after(1s));
}

TEST_CASE("what earlier masters did counts") {
  AutoAllocPolicy few = policy();
  few.max_tries = 3;
  few.max_node_time = 5h;
  Plan plan(few);
  plan.alloc.recall_try();
  plan.alloc.recall_job("1", {2, 1h});
  plan.alloc.recall_try();
  plan.alloc.recall_job("2", {2, 1h});
  plan.alloc.recall_end("1", 90min);
  plan.is_due_after(0s);
  CHECK_FALSE(plan.is_due_after(10min));  // nobody knows yet that it does not wait
  CHECK(plan.list({running("2", 1min)}).empty());
  CHECK_FALSE(plan.is_due_after(1s));  // an hour and a half used, two hours set aside
  CHECK(plan.alloc.cap_reached(plan.now) == "another would exceed the node-hours that there may be");
  plan.alloc.on_joined(plan.now);
  CHECK(plan.list({}).size() == 1);
  CHECK(plan.is_due_after(1min));
  plan.submit("3");
  CHECK(plan.list({running("3", 1s)}).empty());
  CHECK_FALSE(plan.is_due_after(1h));
  CHECK(plan.alloc.cap_reached(plan.now) == "3 submissions were all there may be");
  CHECK(plan.alloc.may_bring_workers());
  CHECK(plan.list({}).size() == 1);
  CHECK_FALSE(plan.alloc.may_bring_workers());
}
