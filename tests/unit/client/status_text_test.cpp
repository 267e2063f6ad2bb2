#include "drover/cli/client/status_text.hpp"

#include "support/catch.hpp"

using namespace drover::cli;
using namespace drover::control;
using namespace drover::core;
using namespace std::chrono_literals;

namespace {

reply::Status small_status() {
  reply::Status status;
  status.run_id = "20261124-201502-abcd";
  status.host = "node1";
  status.pid = 4711;
  status.elapsed = 125s;
  status.is_input_ended = true;
  status.counts.accepted = 100;
  status.counts.succeeded = 40;
  status.counts.executing = 8;
  status.tasks_per_second = 12.34;
  status.groups.push_back({GroupId(0), GroupSource::world, GroupState::running, 2, 2, 0, 8, 8, 125s});
  status.workers.push_back({WorkerId(1), GroupId(0), "node1", 11, WorkerState::busy, 4, 4, 5, 100ms});
  status.workers.push_back({WorkerId(2), GroupId(0), "node2", 12, WorkerState::busy, 4, 4, 4, 200ms});
  return status;
}

}  // namespace

TEST_CASE("the status of a run that is well") {
  CHECK(format_status(small_status(), false) ==
        "run     20261124-201502-abcd: running, up 2m05s, master on node1 (process 4711)\n"
        "tasks   100: 40 done, 8 running, 52 queued\n"
        "rate    12/s\n"
        "\n"
        "GROUP  STATE    CAME BY  RANKS  SLOTS  BUSY  LOST    AGE\n"
        "    0  running  world      2/2      8     8     0  2m05s\n"
        "\n"
        "HOST   GROUPS  RANKS  SLOTS  BUSY  IDLE  STATE\n"
        "node1  0           1      4     4     0  ok\n"
        "node2  0           1      4     4     0  ok\n");
}

TEST_CASE("the status of a run that is not") {
  reply::Status status = small_status();
  status.phase = RunPhase::waiting;
  status.is_kept_open = true;
  status.is_input_ended = false;
  status.counts.failed = 3;
  status.counts.quarantined = 1;
  status.counts.delayed = 2;
  status.counts.workers_lost = 1;
  status.counts.lost_attempts = 2;
  status.counts.superseded = 3;
  status.mean_runtime = 1500ms;
  status.remaining = 30s;
  status.groups.push_back({GroupId(12), GroupSource::join, GroupState::lost, 3, 0, 3, 0, 0, 5s});
  status.workers.push_back({WorkerId(7), GroupId(12), "node2", 13, WorkerState::silent, 1, 0, 2, 4s});
  status.workers.push_back({WorkerId(8), GroupId(12), "node2", 14, WorkerState::draining, 1, 1, 1, 1s});
  status.quarantined_hosts.push_back({"node9", "lost 3 workers in a row"});
  status.notices.push_back("no further group can be spawned");
  CHECK(format_status(status, true) ==
        "run     20261124-201502-abcd: waiting for tasks, up 2m05s, master on node1 (process 4711), kept open\n"
        "tasks   100+: 40 done, 3 failed, 1 quarantined, 8 running, 48 queued (2 to be retried)\n"
        "rate    12/s, 1.5s a task, 30.0s left\n"
        "losses  workers 1, attempts 2, late results dropped 3\n"
        "note    no further group can be spawned\n"
        "\n"
        "GROUP  STATE    CAME BY  RANKS  SLOTS  BUSY  LOST    AGE\n"
        "    0  running  world      2/2      8     8     0  2m05s\n"
        "   12  lost     join       0/3      0     0     3   5.0s\n"
        "\n"
        "HOST   GROUPS  RANKS  SLOTS  BUSY  IDLE  STATE\n"
        "node1  0           1      4     4     0  ok\n"
        "node2  0,12        3      6     5     1  1 silent, 1 draining\n"
        "node9  -           0      0     0     0  quarantined: lost 3 workers in a row\n"
        "\n"
        "RANK  GROUP  HOST   PID  STATE     SLOTS  RUNNING  AHEAD      HEARD\n"
        "   1      0  node1   11  busy          4        4      1  100ms ago\n"
        "   2      0  node2   12  busy          4        4      0  200ms ago\n"
        "   7     12  node2   13  silent        1        0      2   4.0s ago\n"
        "   8     12  node2   14  draining      1        1      0   1.0s ago\n");
}

TEST_CASE("the status of a run that has nothing yet") {
  reply::Status status;
  status.phase = RunPhase::starting;
  CHECK(format_status(status, true).find("waiting for its first worker") != std::string::npos);
}
