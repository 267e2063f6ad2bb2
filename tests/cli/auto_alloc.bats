#!/usr/bin/env bats
# `--auto-alloc`, with scripts in place of Slurm's tools: sbatch starts what it is given on this machine, and a
# job is a file in the directory queue. The master is reached as from another machine.
bats_require_minimum_version 1.5.0
load lib

setup() {
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
  unset "${!SLURM_@}"
  mkdir bin queue
  # The lock keeps two calls from having one number.
  tool sbatch <<'SH'
    exec 9>>lock && flock 9
    id=$(($(cat ids 2>/dev/null || echo 0) + 1)) && echo $id >ids
    while [ $# -gt 0 ]; do [ "$1" != --wrap ] || script=$2; shift; done
    if [ -e waiting ]; then echo "$id PENDING 0:00 Priority" >queue/$id
    else
      echo "$id RUNNING 0:01 None" >queue/$id
      setsid sh -c "echo \$\$ >pid.$id; $script" >job.$id.log 2>&1 9>&- </dev/null &
    fi
    echo $id
SH
  tool squeue <<'SH'
    for pid in pid.*; do [ ! -e "$pid" ] || kill -0 "$(cat "$pid")" 2>/dev/null || rm -f "queue/${pid#pid.}"; done
    cat queue/* 2>/dev/null; true
SH
  tool scancel <<'SH'
    for job in queue/*; do
      [ ! -e "pid.${job#queue/}" ] || kill -TERM "$(cat "pid.${job#queue/}")" 2>/dev/null
      rm -f "$job"
    done
SH
  cat >bin/agent <<'SH'
#!/bin/sh
exec sh -c "$2"
SH
  chmod +x bin/agent
  PATH=$PWD/bin:$PATH
  export DROVER_RELAY_AGENT=$PWD/bin/agent DROVER_AUTO_ALLOC_WHEN=1s DROVER_RUN_DIR=run
  for i in $(seq 60); do echo "sleep 0.2; echo $i"; done >tasks.txt
}

# tool NAME: a script of Slurm's from standard input; what it was called with is in the file calls.
tool() {
  { echo "#!/bin/sh" && echo "cd '$PWD' && echo \"$1 \$*\" >>calls" && cat; } >"bin/$1"
  chmod +x "bin/$1"
}
num_calls() { grep -c "^$1 " calls || true; }
nothing_is_queued() { [ -z "$(ls queue)" ]; }
is_older_than_worker_wait() { [ -n "$(find queue/1 ! -newermt '-2 seconds')" ]; }
has_submitted() { [ -n "$(ls queue)" ]; }
joins() {
  [ "$(sqlite3 run/run.db "SELECT group_concat(DISTINCT source) FROM groups")" = "$1" ]
}

@test "tasks that wait bring a job, whose nodes join; it is cancelled when all is done" {
  drover run -j 1 --auto-alloc --auto-alloc-jobs 1 --auto-alloc-sbatch '--qos=low --mem=1G' tasks.txt
  exits 0
  says 'Slurm job 1 was submitted' 'group 1 has come'
  diff <(seq 60) <(sort -n out)
  joins world,join
  [ "$(num_calls sbatch)" -eq 1 ]
  grep -q '^sbatch --qos=low --mem=1G .*--nodes=1 .*--time=60 ' calls
  grep -q '^scancel --name=drover-run-' calls
  nothing_is_queued
  waits_for no_process "worker --join .*$PWD"
}

@test "a run that begins without workers gets them at once" {
  DROVER_AUTO_ALLOC_WHEN=1h drover run -j 0 --auto-alloc --slots 3 tasks.txt
  exits 0
  [ "$(sqlite3 run/run.db "SELECT DISTINCT slots FROM workers")" = 3 ]
  nothing_is_queued
}

@test "as long as a job may bring workers, a run waits for them" {
  touch waiting
  "$DROVER" run -j 0 --auto-alloc --worker-wait 1s tasks.txt >out 2>err 3>&- &
  waits_for has_submitted
  waits_for is_older_than_worker_wait
  "$DROVER" worker --join run --slots 3 >worker.log 2>&1 3>&- &
  status=0
  wait %1 || status=$?
  exits 0
  lacks 'no worker' err
  nothing_is_queued
}

@test "when none may come any more, it does not" {
  tool sbatch <<'SH'
    echo 'sbatch: error: Invalid qos specification' >&2
    exit 1
SH
  drover run -j 0 --auto-alloc --auto-alloc-tries 1 --worker-wait 1s tasks.txt
  exits 125
  says 'no worker is left, and none came within 1.0s'
}

@test "what waits in the queue is cancelled when the batch has ended" {
  touch waiting
  drover run -j 2 --auto-alloc tasks.txt
  exits 0
  [ "$(num_calls sbatch)" -eq 1 ]
  nothing_is_queued
}

@test "and when it is interrupted, told to terminate, or out of time" {
  touch waiting
  for way in INT TERM USR1; do
    rm -rf run
    "$DROVER" run -j 1 --auto-alloc tasks.txt >out 2>err 3>&- &
    waits_for has_submitted
    kill -s $way $!
    status=0
    wait $! || status=$?
    show
    [ "$status" -ne 0 ]
    nothing_is_queued
  done
}

@test "a master that dies leaves its jobs to the next one" {
  touch waiting
  "$DROVER" run -j 2 --auto-alloc --auto-alloc-tries 1 tasks.txt >out 2>err 3>&- &
  waits_for has_submitted
  kill -KILL "$(sed 's/^process \([0-9]*\) .*/\1/' run/master.lock)"
  status=0
  wait $! || status=$?
  exits 0
  says 'rollover 1 of'
  [ "$(num_calls sbatch)" -eq 1 ]
  nothing_is_queued
}

@test "when no other follows, the supervisor cancels them" {
  touch waiting
  "$DROVER" run -j 2 --auto-alloc --max-rollovers 0 tasks.txt >out 2>err 3>&- &
  waits_for has_submitted
  kill -KILL "$(sed 's/^process \([0-9]*\) .*/\1/' run/master.lock)"
  status=0
  wait $! || status=$?
  exits 125
  nothing_is_queued
}

@test "what a site refuses comes through in Slurm's words, and does not harm the batch" {
  tool sbatch <<'SH'
    echo 'sbatch: error: Batch job submission failed: Invalid qos specification' >&2
    exit 1
SH
  drover run -j 2 --auto-alloc tasks.txt
  exits 0
  says 'no job was submitted: sbatch: error: Batch job submission failed: Invalid qos specification'
  [ "$(num_calls sbatch)" -eq 1 ]
}

@test "an sbatch that hangs keeps neither the batch nor its end" {
  tool sbatch <<'SH'
    echo '1 PENDING 0:00 Priority' >queue/1
    exec sleep 71085
SH
  drover run -j 2 --auto-alloc tasks.txt
  exits 0
  diff <(seq 60) <(sort -n out)
  nothing_is_queued
  waits_for no_process 'sleep 71085'
}

@test "a dry run says what it would submit, and touches nothing" {
  drover run -j 2 --auto-alloc-dry-run tasks.txt
  exits 0
  grep -q 'tasks wait: would submit: sbatch .*--wrap "exec .* worker --join [^ ]*:/[^ ]*/run --rejoin"' err
  [ ! -e calls ]
  [ ! -e run/auto-alloc.tsv ]
}

@test "options of sbatch that drover sets itself are refused" {
  unset DROVER_RUN_DIR
  for option in --nodes=2 -N2 --time=5 -t5; do
    drover run --auto-alloc --auto-alloc-sbatch "--qos=low $option" tasks.txt
    is_refused "$option" 'say it by --auto-alloc-'
  done
  drover run --auto-alloc --auto-alloc-sbatch --array=1-3 tasks.txt
  is_refused 'one by one'
  drover run --auto-alloc --auto-alloc-time 5s tasks.txt
  is_refused 'at least a minute'
}

@test "where no group can join, nobody is asked to" {
  capture under_mpirun --auto-alloc tasks.txt
  show
  [ "$status" -ne 0 ]
  says '--auto-alloc: no group can join this run'
  [ ! -e calls ]
}
