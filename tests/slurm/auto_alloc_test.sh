#!/bin/bash
# A batch that submits jobs of its own: they join it, give their nodes back when nothing is left for them, go
# on with the next master, and none is left when it is over.
# usage: auto_alloc_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh" "$1"
export DROVER_RUN_DIR=run

# begin N SECONDS OPTION...: such a batch, under way on $num_nodes nodes.
num_nodes=1
begin() {
  rm -rf run effects
  numbered_tasks "$1" "$2"
  submit --nodes=$num_nodes "$slurm_dir/drover.sbatch" --auto-alloc --auto-alloc-when 1s "${@:3}" tasks.txt
  batch=$job
  within 60 num_recorded 3
}
own_jobs() { awk '$1 == "job" { print $2 }' run/auto-alloc.tsv 2>/dev/null; }
has_submitted() { [ "$(own_jobs | wc -l)" -ge "$1" ]; }
has_worked() { [ "$(query "SELECT count(*) > 0 FROM attempts a JOIN workers w ON w.id = a.worker
  JOIN groups g ON g.id = w.group_id WHERE g.source = 'join' AND g.id >= $1 AND a.outcome = 'exited'")" = 1 ]; }
nobody_is_left() { ! squeue --noheader --format='%j %T' | grep -q '^drover-run-.* \(PENDING\|RUNNING\)'; }

# ends STATUS: the batch does so within a while, and then so do its jobs.
ends() {
  within 90 is_over "$batch"
  [ "$(exit_code "$batch")" = "$1" ] || fail "exit code $(exit_code "$batch"), expected $1"
  nobody_is_left || within 15 nobody_is_left
}

echo "== a second job by itself; idle, it gives its node back before the batch is over"
echo 'sleep 30' >long.txt
rm -rf run effects
numbered_tasks 60 0.5
cat tasks.txt >>long.txt
submit --nodes=1 "$slurm_dir/drover.sbatch" --auto-alloc --auto-alloc-when 1s --auto-alloc-jobs 1 --idle-timeout 2s long.txt
batch=$job
within 30 has_submitted 1
helper=$(own_jobs)
within 60 is_over "$helper"
is_running "$batch" || fail "the batch was over before its idle job"
[ "$(exit_code "$helper")" = 0 ] || fail "exit code $(exit_code "$helper") of a job that was let go"
has_worked 1 || fail "it has done nothing"
ends 0
[ "$(query "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 61 ] || fail "not every task succeeded"
[ "$(sort -n effects | uniq -c | awk '$1 == 1' | wc -l)" = 60 ] || fail "not every task was executed once"
[ "$(own_jobs | wc -l)" = 1 ] || fail "more than one job at a time: $(cat run/auto-alloc.tsv)"
nothing_charged

echo "== the master dies: the next goes on with the job, and with what was counted"
begin 200 0.4 --auto-alloc-jobs 1 --auto-alloc-tries 1
within 30 has_submitted 1
within 30 has_worked 1
sed 's/^process \([0-9]*\) .*/\1/' run/master.lock | xargs kill -KILL
within 60 has_worked 2
ends 0
every_task_once 200
[ "$(grep -c try run/auto-alloc.tsv)" = 1 ] || fail "tries were forgotten: $(cat run/auto-alloc.tsv)"

echo "== a batch that has two nodes itself"
num_nodes=2
begin 200 0.3 --auto-alloc-jobs 1
within 30 has_submitted 1
helper=$(own_jobs)
has_worked_on() { [ "$(query "SELECT count(*) > 0 FROM attempts WHERE host = '$1' AND outcome = 'exited'")" = 1 ]; }
within 60 is_running "$helper"
within 60 has_worked_on "$(scontrol show job "$helper" | sed -n 's/^ *NodeList=//p')"
ends 0
every_task_once 200
nothing_charged
num_nodes=1

echo "== what still waits when the batch is over, or cancelled, is cancelled"
begin 20 0.3 --auto-alloc-nodes 3
within 30 has_submitted 1
ends 0
every_task_once 20
begin 200 0.3 --auto-alloc-nodes 3
within 30 has_submitted 1
scancel "$batch"
within 30 is_over "$batch"
within 15 nobody_is_left

echo "== its jobs ask for what the batch's own job has"
scontrol create reservation reservationname=drover-test starttime=now duration=10 users=root nodes=n1,n2 >reservation.log
trap 'scontrol delete reservationname=drover-test; leave' EXIT
rm -rf run effects
numbered_tasks 60 0.3
submit --nodes=1 --mem=300 --gres=gpu:1 --constraint=fast --reservation=drover-test "$slurm_dir/drover.sbatch" \
  --auto-alloc --auto-alloc-when 1s --auto-alloc-jobs 1 tasks.txt
batch=$job
within 60 has_submitted 1
helper=$(own_jobs)
for wanted in MinMemoryNode=300M TresPerNode=gres.gpu:1 Features=fast Reservation=drover-test CPUs/Task=2; do
  [[ $(scontrol show job --oneliner "$helper") =~ \ $wanted ]] || fail "not $wanted: $(scontrol show job "$helper")"
done
within 60 has_worked 1
ends 0
every_task_once 60
scontrol delete reservationname=drover-test
trap leave EXIT

echo "== what Slurm refuses is said in Slurm's words, and changes nothing else"
begin 40 0.2 --auto-alloc-sbatch --partition=nonesuch
ends 0
every_task_once 40
grep -q 'no job was submitted: .*Invalid partition name specified' "job-$batch.log" || fail "nobody said why"
