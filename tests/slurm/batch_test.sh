#!/bin/bash
# drover in a job without mpirun: by slurm/drover.sbatch, in salloc's shell on a login node, by srun; it
# takes what the job has, and the job's exit code is its own.
# usage: batch_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

numbered_tasks 60 0.05
echo 'exit 3' >>tasks.txt
submit --nodes=3 "$slurm_dir/drover.sbatch" tasks.txt
within 60 is_over "$job"
[ -z "$(state "$job")" ] || fail "the job is still there"
[ "$(exit_code "$job")" = 1 ] || fail "exit code $(exit_code "$job"), expected 1 for one failed task"
grep -q "Slurm job $job: 3 nodes of n\[1-3\], 6 CPUs in all" job-*.log || fail "does not say what it took"
[ "$(sort -n effects | uniq | wc -l)" = 60 ] || fail "not every task was executed"
[ "$(query 'SELECT count(DISTINCT host) FROM workers WHERE slots = 2')" = 3 ] || fail "not 2 slots on each of 3 nodes"
[ "$(query 'SELECT count(DISTINCT worker) FROM attempts')" = 3 ] || fail "not every node had work"

echo "== again: the run is finished"
submit "$slurm_dir/drover.sbatch" tasks.txt
within 60 is_over "$job"
grep -q 'is finished' "job-$job.log" || fail "a finished run is not recognized"

echo "== other tasks are another run"
submit "$slurm_dir/drover.sbatch" other.txt
within 60 is_over "$job"
[ "$(exit_code "$job")" = 125 ] || fail "exit code $(exit_code "$job")"
grep -q 'started with other input' "job-$job.log" || fail "other input is not noticed"

echo "== a shell on a login node, whose job has nodes elsewhere"
unset DROVER_RUN_DIR
status=0
# Three that wait for each other need more than the two slots of a node.
timeout 60 salloc --quiet --nodes=2 --ntasks-per-node=1 --cpus-per-task=2 \
  drover run -k --run-dir shell ': >begun.{#}; until [ -e begun.1 ] && [ -e begun.2 ] && [ -e begun.3 ]; do sleep 0.1; done
    echo {}; exit {}' ::: 0 0 7 >out 2>shell.log || status=$?
[ $status = 1 ] || fail "exit status $status, expected 1"
[ "$(tr '\n' ' ' <out)" = '0 0 7 ' ] || fail "outputs are not those of the tasks"
[ "$(sqlite3 shell/run.db 'SELECT count(DISTINCT host) FROM workers')" = 2 ] || fail "not both nodes"

echo "== by srun"
DROVER_RUN_DIR=by-srun submit "$slurm_dir/drover-srun.sbatch" 'echo {}' ::: 1 2 3 4 5 6
within 60 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job") of srun --mpi=pmix"
SRUN_MPI=none DROVER_RUN_DIR=by-srun-none submit "$slurm_dir/drover-srun.sbatch" 'echo {}' ::: 1 2
within 60 is_over "$job"
grep -q 'srun has started 4 copies of drover that know nothing of each other' "job-$job.log" ||
  fail "copies that know nothing of each other are not noticed"
