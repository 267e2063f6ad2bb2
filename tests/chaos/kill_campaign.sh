#!/bin/bash
# A run whose master, mpirun, supervisor, or all of them at once, is killed again and again, at random
# moments. Each task appends its number to a file: every task must be recorded once and executed at least
# once, and no more may be executed again than was in the workers' hands at the kills.
# usage: kill_campaign.sh DROVER [KILLS [TASKS [SEED]]]
set -euo pipefail
drover=$(realpath "$1") kills=${2:-200} tasks=${3:-5000} RANDOM=${4:-1}
workers=4
scratch=$(mktemp -d)
leave() {
  [ -z "${supervisor:-}" ] || kill -KILL "$supervisor" 2>/dev/null || true
  rm -rf "$scratch"
}
trap leave EXIT
cd "$scratch"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
: >effects

fail() {
  echo "FAILED: $*"
  tail -n 30 log
  exit 1
}
num_executed() { wc -l <effects; }
# until_executed NUM: whether so many tasks are executed in time; the run may end before.
until_executed() {
  local deadline=$((SECONDS + 60))
  until [ "$(num_executed)" -ge "$1" ]; do
    kill -0 "$supervisor" 2>/dev/null || return 0
    [ $SECONDS -lt $deadline ] || fail "$(num_executed) executions after 60 s, expected $1"
    sleep 0.02
  done
}
master() { sed -n 's/^process \([0-9]*\) .*/\1/p' run/master.lock; }
# until_gone PID: a master whose supervisor is dead ends by itself.
until_gone() {
  local deadline=$((SECONDS + 30))
  while kill -0 "$1" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || fail "the master still runs 30 s after its supervisor"
    sleep 0.02
  done
}
num_recorded() { sqlite3 -readonly -cmd '.timeout 5000' run/run.db "SELECT count(*) FROM tasks WHERE state = 'succeeded'"; }

# Without prefetching a worker holds one task: what may be executed again can be told.
options=(--quiet --durability normal --prefetch 0 --max-rollovers "$kills")
for ((i = 1; i <= tasks; ++i)); do echo "echo $i >>effects; sleep 0.0$((RANDOM % 10))"; done >tasks.txt
"$drover" run -j "$workers" --run-dir run "${options[@]}" tasks.txt >>outputs 2>>log &
supervisor=$!
declare -A num_killed=([master]=0 [mpirun]=0 [supervisor]=0 [all]=0)
names=(master mpirun supervisor all)
num_resumes=0 done_kills=0
for ((k = 0; k < kills; ++k)); do
  # Spread over the run: the more kills are left, the sooner the next.
  left=$((tasks - $(num_recorded 2>/dev/null || echo 0)))
  step=$((left / (kills - k + 1)))
  until_executed $(($(num_executed) + 1 + RANDOM % (step + 1)))
  kill -0 "$supervisor" 2>/dev/null || break
  what=${names[RANDOM % 4]}
  mpirun=
  read -r mpirun _ <"/proc/$supervisor/task/$supervisor/children" || true  # a line without an end
  [ -n "$mpirun" ] || mpirun=$(master)                                       # between two MPI jobs
  case $what in
    master) victims=("$(master)") ;;
    mpirun) victims=("$mpirun") ;;
    supervisor) victims=("$supervisor") ;;
    all) victims=("$supervisor" "$mpirun" "$(master)") ;;
  esac
  # One that has just ended by itself is no loss.
  kill -KILL "${victims[@]}" 2>/dev/null || true
  num_killed[$what]=$((num_killed[$what] + 1))
  done_kills=$((done_kills + 1))
  if [ "$what" = supervisor ] || [ "$what" = all ]; then
    wait "$supervisor" 2>/dev/null || true
    until_gone "$(master)"
    num_resumes=$((num_resumes + 1))
    "$drover" run --resume run --max-rollovers "$kills" >>outputs 2>>log &
    supervisor=$!
  fi
done
status=0
wait "$supervisor" || status=$?
[ "$status" = 0 ] || fail "exit status $status, expected 0"
supervisor=

recorded=$(num_recorded)
executed=$(num_executed)
distinct=$(sort -u effects | wc -l)
extra=$((executed - tasks))
# Each worker held one task, and had ended at most a few that were not safe yet.
most=$((done_kills * workers * 3))
echo "$done_kills kills (master ${num_killed[master]}, mpirun ${num_killed[mpirun]}, supervisor ${num_killed[supervisor]}," \
  "all ${num_killed[all]}), $num_resumes times resumed by hand: $recorded of $tasks tasks recorded," \
  "$extra executions again (at most $most)"
[ "$recorded" = "$tasks" ] || fail "$recorded tasks recorded, expected $tasks"
[ "$distinct" = "$tasks" ] || fail "$distinct tasks executed, expected $tasks"
[ "$(tail -n +2 run/joblog.tsv | cut -f 1 | sort -n | uniq -d | wc -l)" = 0 ] || fail "a task is twice in the job log"
[ "$(tail -n +2 run/joblog.tsv | wc -l)" = "$tasks" ] || fail "the job log lacks tasks"
[ "$extra" -le "$most" ] || fail "$extra executions again"
