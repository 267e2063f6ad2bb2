#!/bin/bash
# What Slurm and its nodes do to a batch under load: each time the run goes on, in the same job or in
# the next, every task is recorded once, and no retry is charged.
# usage: loss_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

# begin N SECONDS [SBATCH_OPTION...]: a batch under way on three nodes.
begin() {
  rm -rf run effects
  numbered_tasks "$1" "$2"
  submit --nodes=3 "${@:3}" "$slurm_dir/drover.sbatch" tasks.txt
  within 60 num_recorded 20
}

# finish N: takes the run up until it is done, as resubmitted jobs or the requeued one would.
finish() {
  submit --nodes=3 "$slurm_dir/drover.sbatch" tasks.txt
  within 90 is_over "$job"
  [ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job")"
  every_task_once "$1"
  nothing_charged
}

reached_end() { [ "$(query 'SELECT exit_status FROM sessions ORDER BY id DESC LIMIT 1')" = "$1" ]; }

echo "== SIGUSR1 to the batch shell: what runs ends, nothing more begins"
begin 300 0.1
scancel --signal=USR1 --batch "$job"
within 30 is_over "$job"
[ "$(exit_code "$job")" = 124 ] || fail "exit code $(exit_code "$job"), expected 124"
finish 300
[ "$(wc -l <effects)" = 300 ] || fail "a task was executed twice"

echo "== SIGUSR1 to all processes, the commands too"
begin 300 0.1
scancel --signal=USR1 --full "$job"
within 30 is_over "$job"
finish 300

echo "== scancel: all processes get SIGTERM"
begin 200 0.2
scancel "$job"
within 30 is_over "$job"
within 5 reached_end 124
finish 200

echo "== scontrol requeue: the same job goes on"
begin 300 0.1
scontrol requeue "$job"
is_pending() { [ "$(state "$job")" = PENDING ]; }
within 30 is_pending
within 5 reached_end 124
scontrol update jobid="$job" StartTime=now # it would wait for two minutes
within 60 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job")"
every_task_once 300
nothing_charged

echo "== a job of higher priority takes the nodes"
begin 200 0.2
preempted=$job
high=$(sbatch --parsable --partition=high --nodes=3 --output=/dev/null --wrap 'sleep 2')
jobs+=("$high")
within 60 is_over "$high"
scancel "$preempted"
within 30 is_over "$preempted"
finish 200

echo "== a node is set down: the job goes on with the others"
begin 300 0.2
scontrol update nodename=n3 state=down reason=test
within 90 is_over "$job"
scontrol update nodename=n3 state=resume 2>/dev/null || true # mostly, it is back by itself
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job")"
every_task_once 300
nothing_charged

# Its jobs run on, until Slurm gives the node up.
echo "== a slurmd is killed: the job goes on with the other nodes"
cluster=$(dirname "${SLURM_CONF:-/nonexistent}")
if ! [ -s "$cluster/run/slurmd.n3.pid" ]; then
  echo "left out: this Slurm is not that of start.sh"
  exit 0
fi
has_state() { [[ $(sinfo --noheader --nodes="$1" --partition=main --format=%T) =~ ^$2 ]]; }
begin 1500 0.2
kill -KILL "$(<"$cluster/run/slurmd.n3.pid")"
within 60 has_state n3 down
is_running "$job" || fail "the batch was over too early to show anything"
within 120 is_over "$job"
"$tests_dir/start-node.sh" "$cluster" n3
within 60 has_state n3 idle
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job")"
every_task_once 1500
nothing_charged
