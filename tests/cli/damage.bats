#!/usr/bin/env bats
# The files of a run, deleted, cut, replaced or edited, between two sessions and amid one: it is refused or said, and
# nothing that was recorded is lost without a word. DROVER is the program under test.

bats_require_minimum_version 1.5.0

load lib

# A run of 30 tasks of which the last 10 are left.
begin_run() {
  rm -rf run
  for i in $(seq 30); do echo "[ $i -le 20 ] || [ -e go ] || exit 1; echo out $i; echo err $i >&2"; done >tasks.txt
  rm -f go
  drover run -j 1 --run-dir run --halt now,fail=1 --prefetch 0 tasks.txt
  show
  [ "$status" -ne 0 ]
  cp -r run whole
  touch go
}

# damage COMMAND: a run as begin_run() leaves it, after this.
damage() {
  rm -rf run
  cp -a whole run
  echo "damage: $1"
  eval "$1"
  rm -rf damaged
  cp -a run damaged
}

# What was in the files still is.
nothing_is_lost() {
  local file
  for file in outputs/stdout outputs/stderr outputs/index.tsv joblog.tsv; do
    [ ! -e "damaged/$file" ] || cmp -n "$(stat -c %s "damaged/$file")" "damaged/$file" "run/$file"
  done
}

# What every whole run says in the end.
is_complete() {
  seq 30 | sed 's/^/out /' | diff - <("$DROVER" output --run run 2>/dev/null | sort -k 2n)
  seq 30 | diff - <(tail -n +2 run/joblog.tsv | cut -f 1 | sort -nu)
}

@test "a run goes on only if the outputs that it has on record are there, or somebody says so" {
  begin_run
  local way words
  while IFS='@' read -r way words; do
    damage "$way"
    drover run --resume run
    is_refused_here "$words"
    nothing_is_lost
  done <<'WAYS'
rm run/outputs/index.tsv@its index.tsv is not there, or empty
: >run/outputs/index.tsv@its index.tsv is not there, or empty
sed -i '$d' run/outputs/index.tsv@index.tsv
sed -i '3s/^2/9/' run/outputs/index.tsv@of task 2 is on record
sed -i '15s/1//' run/outputs/index.tsv@of task 14
sed -i '5s/.*/rubbish/' run/outputs/index.tsv@line 5 of index.tsv makes no sense
truncate -s -3 run/outputs/stdout@stdout has
: >run/outputs/stderr@stderr has 0 bytes
rm run/outputs/stdout@stdout has 0 bytes
rm -r run/outputs@tasks 1-20
WAYS
}

is_refused_here() {
  exits 125
  [ "$(grep -c '^drover: ' err)" -eq 1 ]
  says "$@" run/outputs --rerun --without-lost-outputs
}

@test "lost outputs can be made again, or done without" {
  begin_run
  damage "sed -i '5s/.*/rubbish/' run/outputs/index.tsv"
  drover run --resume-failed run --rerun 'id = 4'
  exits 0
  is_complete

  damage "sed -i '5s/.*/rubbish/' run/outputs/index.tsv"
  drover run --resume-failed run --without-lost-outputs
  exits 0
  says 'going on without the output of task 4'
  [ -e run/outputs/index.tsv.damaged-1 ]
  drover output --run run
  exits 125
  says 'the output of task 4 was lost'
  [ "$(wc -l <out)" = 29 ]
  drover run --resume run
  exits 0
}

@test "records that are damaged are named, with what can be done" {
  begin_run
  local way words
  while IFS='@' read -r way words; do
    damage "$way"
    drover run --resume run
    exits 125
    [ "$(grep -c '^drover: ' err)" -eq 1 ]
    says run/run.db "$words"
    cmp damaged/outputs/stdout run/outputs/stdout
    cmp damaged/joblog.tsv run/joblog.tsv
  done <<'WAYS'
truncate -s 5000 run/run.db@.recover
dd if=/dev/zero of=run/run.db bs=1 seek=20 count=80 conv=notrunc status=none@
head -c 3000 /dev/urandom >run/run.db@.recover
printf 'x%.0s' $(seq 8192) | dd of=run/run.db bs=4096 seek=3 conv=notrunc status=none@.recover
: >run/run.db@
rm run/run.db@
WAYS
  drover run -j 1 --run-dir anew --joblog-import run/joblog.tsv tasks.txt
  exits 0
  says '20 tasks had succeeded'
}

@test "a database that is older than the job log is named, and the log kept" {
  begin_run
  cp whole/run.db old.db
  touch go
  drover run --resume-failed run
  exits 0
  cp run/joblog.tsv full.tsv
  cp old.db run/run.db
  drover run --resume-failed run
  exits 0
  says 'is older than what was done' 'run again' joblog.tsv.set-aside-1
  cmp full.tsv run/joblog.tsv.set-aside-1
  is_complete
}

@test "joblog.tsv and events.jsonl are made again, and what was in their place is kept" {
  begin_run
  local way words
  while IFS='@' read -r way words; do
    damage "$way"
    drover run --resume-failed run
    exits 0
    [ -z "$words" ] || says "$words"
    is_complete
    head -1 run/joblog.tsv | grep -q '^Seq'
    lacks -q 'other things' run/joblog.tsv
  done <<'WAYS'
rm run/joblog.tsv@
: >run/joblog.tsv@
truncate -s 300 run/joblog.tsv@
seq 1000 | sed 's/^/other things /' >run/joblog.tsv@joblog.tsv.set-aside-1
head -c 20000 /dev/zero | tr "\\0" x >run/events.jsonl@events.jsonl.set-aside-1
rm run/events.jsonl@
: >run/events.jsonl@
WAYS
}

@test "whoever takes away what says how far outputs were printed is told" {
  begin_run
  local way
  for way in 'rm run/printed' 'echo rubbish >run/printed' "sed -i 's/[0-9]/99/' run/printed"; do
    damage "$way"
    drover run --resume-failed run
    exits 0
    says run/printed 'drover output --run'
    is_complete
  done
}

@test "a second master is kept out although the files that say so were deleted" {
  "$DROVER" run -j 1 --run-dir run 'while [ ! -e go ]; do sleep 0.05; done; echo {}' ::: a b >out1 2>err1 3>&- &
  waits_for test -e run/control.sock
  waits_for has_event attempt_started
  rm run/master.lock run/control.lock
  drover run --resume run
  exits 125
  says 'is going on'
  touch go
  wait $!
  printf '%s\n' a b | diff - out1
}

@test "a run whose directory is taken away ends, says so, and points to nothing" {
  "$DROVER" run -j 1 --run-dir run 'while [ ! -e go ]; do sleep 0.05; done; echo {}' ::: a b >out1 2>err1 3>&- &
  waits_for has_event attempt_started
  rm -rf run
  status=0
  wait $! || status=$?
  cat err1
  [ "$status" -eq 125 ]
  grep -q "run/run.db' has been removed, replaced or cut while the run went on" err1
  lacks -q '; see ' err1
  lacks -q -- --resume err1
}

@test "a run whose database or outputs are taken away ends too" {
  local way
  for way in 'mv run/run.db elsewhere.db' 'rm run/outputs/stdout' ': >run/outputs/index.tsv' 'cp run/run.db x; mv x run/run.db'; do
    rm -rf run go
    "$DROVER" run -j 1 --run-dir run 'while [ {} = b ] && [ ! -e go ]; do sleep 0.05; done; echo {}' ::: a b \
      >out1 2>err1 3>&- &
    waits_for has_event task_ended
    waits_for has_event attempt_started '"task":2'
    eval "$way"
    status=0
    wait $! || status=$?
    cat err1
    [ "$status" -eq 125 ]
    grep -q 'has been removed, replaced or cut while the run went on' err1
  done
}

@test "joblog.tsv that is taken away or replaced amid a run is there in the end, and what replaced it too" {
  local way
  for way in 'rm run/joblog.tsv' 'mv run/joblog.tsv old; echo other things >run/joblog.tsv' ': >run/joblog.tsv'; do
    rm -rf run go
    "$DROVER" run -j 1 --run-dir run 'while [ {} = b ] && [ ! -e go ]; do sleep 0.05; done; echo {}' ::: a b \
      >out1 2>err1 3>&- &
    waits_for has_event task_ended
    eval "$way"
    waits_for grep -q "joblog.tsv' has been removed, replaced or cut" err1
    touch go
    wait $!
    [ "$(tail -n +2 run/joblog.tsv | cut -f 1 | tr '\n' ' ')" = '1 2 ' ]
    head -1 run/joblog.tsv | grep -q '^Seq'
  done
  rm -rf run go
}

@test "standard input that is closed is named, and no run begun" {
  capture "$DROVER" run -j 1 'echo {}' <&-
  is_refused 'standard input is closed'
}
