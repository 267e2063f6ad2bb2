#!/bin/bash
# 1,000 tasks and jobs too short for them: a job that requeues itself, and a chain of jobs. Each task is
# recorded once, no retry is charged.
# usage: time_limit_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

# The time of a job is a minute at least, and on four slots all of this takes more. Its end is told 55 seconds
# before, or up to half a minute later, when Slurm looks again.
numbered_tasks 1000 0.25
submit --time=1 --signal=B:USR1@55 "$slurm_dir/requeue.sbatch" tasks.txt
requeued=$job
is_requeued() { [[ $(scontrol show job "$requeued") =~ JobState=PENDING.*Restarts=[1-9] ]] || is_over "$requeued"; }
within 100 is_requeued
is_over "$requeued" && fail "one job was enough: $(cat job-*.log)"
# Slurm would leave it alone for two minutes; the run itself can be taken up by any job.
scancel "$requeued"
num_jobs=1
while [ "$(query 'SELECT succeeded FROM progress')" != 1000 ]; do
  [ $((num_jobs += 1)) -lt 12 ] || fail "no end in sight"
  submit --dependency=singleton --time=1 --signal=B:USR1@55 "$slurm_dir/drover.sbatch" tasks.txt
  within 100 is_over "$job"
  [[ $(exit_code "$job") =~ ^(0|124)$ ]] || fail "exit code $(exit_code "$job")"
done
[ "$(exit_code "$job")" = 0 ] || fail "the last job ended with $(exit_code "$job")"
every_task_once 1000
nothing_charged
[ "$(wc -l <effects)" = 1000 ] || fail "tasks were executed more than once: $(wc -l <effects)"
echo "$num_jobs jobs for 1000 tasks"

echo "== what cannot finish before the job's own end is not begun, without a signal"
unset DROVER_RUN_DIR
rm -rf run effects
echo 'sleep 3000' >long.txt
status=0
timeout 100 salloc --quiet --nodes=1 --cpus-per-task=2 --time=1 \
  drover run --run-dir run --time-request 5m long.txt 2>limit.log || status=$?
[ $status = 124 ] || fail "exit status $status, expected 124"
[ "$(query 'SELECT count(*) FROM attempts')" = 0 ] || fail "a task was begun that could not finish"
