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
if grep 'cpu binding' shell.log; then fail "srun complains of what drover has told it"; fi

echo "== a run directory that another job of the array has"
numbered_tasks 30 0.2
array=$(DROVER_RUN_DIR=same sbatch --parsable --array=1-2 --nodes=1 --output=array-%a.log "$slurm_dir/drover.sbatch" tasks.txt)
jobs+=("$array")
array_is_over() { [ -z "$(squeue --noheader --jobs "$array" 2>/dev/null)" ]; }
within 90 array_is_over
[ "$(cat array-?.log | grep -c '30 tasks: 30 succeeded')" = 1 ] || fail "not one of the array has had the run"
grep -hq "run directory 'same' is .* by process" array-?.log || fail "nobody says whose the run directory is"
if grep -q 'remove' array-?.log; then fail "somebody advises to remove a run that goes on"; fi

echo "== a command takes the GPU of its slot, of those that its job has"
numbered_tasks 4 1
# shellcheck disable=SC2016 # for the shell of the job
others=$(sbatch --parsable --nodes=1 --nodelist=n1 --cpus-per-task=1 --gres=gpu:2 --output=others.log \
  --wrap 'echo $CUDA_VISIBLE_DEVICES; sleep 60')
jobs+=("$others")
within 60 test -s others.log
# shellcheck disable=SC2016 # as in the README, for the shell of the task
recipe=$(sed -n "s/^ *'\(CUDA_VISIBLE_DEVICES=.*\) \.\/train {}'.*/\1/p" "$slurm_dir/README.md")
# shellcheck disable=SC2016
DROVER_RUN_DIR=gpus submit --nodes=1 --nodelist=n1 --cpus-per-task=1 --gres=gpu:2 "$slurm_dir/drover.sbatch" --slots 2 \
  "$recipe"' sh -c "echo gpu \$CUDA_VISIBLE_DEVICES; sleep 1"; : {}' ::: 1 2 3 4
within 60 is_over "$job"
scancel "$others"
[ "$(grep '^gpu ' "job-$job.log" | sort -u | tr '\n' ,)" = 'gpu 2,gpu 3,' ] ||
  fail "not its own GPUs: $(cat "job-$job.log"), beside $(cat others.log)"

echo "== by srun"
DROVER_RUN_DIR=by-srun submit "$slurm_dir/drover-srun.sbatch" 'echo {}' ::: 1 2 3 4 5 6
within 60 is_over "$job"
[ "$(exit_code "$job")" = 0 ] || fail "exit code $(exit_code "$job") of srun --mpi=pmix"
SRUN_MPI=none DROVER_RUN_DIR=by-srun-none submit "$slurm_dir/drover-srun.sbatch" 'echo {}' ::: 1 2
within 60 is_over "$job"
grep -q 'srun has started 4 copies of drover that know nothing of each other' "job-$job.log" ||
  fail "copies that know nothing of each other are not noticed"
