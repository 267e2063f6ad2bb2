#!/bin/bash
# Nodes of other jobs join a running batch, and go: when they are told to, when their job's time is up,
# when their job is cancelled, and when the batch is over.
# usage: add_workers_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

numbered_tasks 300 0.3
submit --nodes=1 "$slurm_dir/drover.sbatch" tasks.txt
batch=$job
within 60 num_recorded 5

num_joined() { [ "$(query "SELECT count(*) FROM workers w JOIN groups g ON g.id = w.group_id
  WHERE g.source = 'join' AND w.slots = 2 AND w.ended_at IS NULL")" = "$1" ]; }
last_group() { query "SELECT max(id) FROM groups"; }
has_worked() { [ "$(query "SELECT count(*) > 0 FROM attempts a JOIN workers w ON w.id = a.worker
  WHERE w.group_id = $1 AND a.outcome = 'exited'")" = 1 ]; }

# joined: a job of one more node, whose group has worked.
joined() {
  submit "$slurm_dir/add-workers.sbatch" run
  within 60 num_joined 1
  within 30 has_worked "$(last_group)"
}

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
within 30 num_joined 0

echo "== the batch ends before its helpers"
joined
within 90 is_over "$batch"
[ "$(exit_code "$batch")" = 0 ] || fail "exit code $(exit_code "$batch")"
within 30 is_over "$job"
every_task_once 300
nothing_charged
