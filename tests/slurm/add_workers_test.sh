#!/bin/bash
# Nodes of other jobs join a running batch that has several itself, and go: when they are told to, when their job's time is up,
# when their job is cancelled, and when the batch is over.
# usage: add_workers_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

# begin N NODES: a batch of so many tasks on so many nodes, under way on all of them.
begin() {
  rm -rf run effects
  numbered_tasks "$1" 0.3
  submit --nodes="$2" "$slurm_dir/drover.sbatch" tasks.txt
  batch=$job
  within 60 num_recorded 5
  within 60 num_joined $(($2 - 1))
}
# A group a node, with a worker that has a slot for each of its CPUs.
num_joined() { [ "$(query "SELECT count(DISTINCT w.group_id) FROM workers w JOIN groups g ON g.id = w.group_id
  WHERE g.source = 'join' AND w.slots = 2 AND w.ended_at IS NULL")" = "$1" ]; }
last_group() { query "SELECT max(id) FROM groups"; }
has_worked() { [ "$(query "SELECT count(*) > 0 FROM attempts a JOIN workers w ON w.id = a.worker
  WHERE w.group_id = $1 AND a.outcome = 'exited'")" = 1 ]; }

# joined: a job of one more node than the batch's two, whose group has worked.
joined() {
  submit "$slurm_dir/add-workers.sbatch" run
  within 60 num_joined 2
  within 30 has_worked "$(last_group)"
}

echo "== two nodes of another job"
begin 60 1
submit --nodes=2 "$slurm_dir/add-workers.sbatch" run
within 60 num_joined 2
within 90 is_over "$batch"
[ "$(exit_code "$batch")" = 0 ] || fail "exit code $(exit_code "$batch")"
within 30 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job") of a job whose run has ended"
[ "$(query "SELECT count(DISTINCT worker) FROM attempts")" = 3 ] || fail "not every node had work"
every_task_once 60

begin 500 2
echo "== told to leave"
joined
# From another node: the way to the master's control channel goes through its own job.
srun --jobid="$batch" --overlap --mpi=none -N1 -n1 drover scale drain "group:$(last_group)" --run run
within 30 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job") of a job that was let go"

echo "== its time is up"
joined
scancel --signal=USR1 --batch "$job"
within 30 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job") of a job whose time was up"

echo "== cancelled"
joined
scancel "$job"
within 30 is_over "$job"
within 30 num_joined 1

echo "== the batch ends before its helpers"
joined
within 120 is_over "$batch"
[ "$(exit_code "$batch")" = 0 ] || fail "exit code $(exit_code "$batch")"
within 30 is_over "$job"
every_task_once 500
nothing_charged
