#!/usr/bin/env bats
# What the shell sees at the end of a run: what is left of it, whoever asked for the end.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is for the shell of a task; lib.bash sets `status`

load lib

# start_run NUM [OPTION...]: a run of NUM tasks in the background that each wait for the file `go` and succeed, but for
# those that have a file `fail-N`. Returns once one executes.
start_run() {
  local num=$1
  shift
  rm -rf run go began-*
  # shellcheck disable=SC2046 # several numbers
  "$DROVER" run -j 1 --prefetch 0 --run-dir run "$@" \
    'touch began-{}; until [ -e go ]; do sleep 0.02; done; ! [ -e fail-{} ]' ::: $(seq "$num") >out 2>err 3>&- &
  pid=$!
  waits_for test -e began-1
}

# ends_with STATUS
ends_with() {
  status=0
  wait "$pid" || status=$?
  exits "$1"
}

is_stopping() { has_event dispatch_stopped; }

# ask HOW: for the end of the run.
ask() {
  case $1 in
    stop) "$DROVER" stop --run run ;;
    stop-now) "$DROVER" stop --now --run run ;;
    *) kill "-$1" "$pid" ;;
  esac
  waits_for is_stopping
}

@test "with work left: 130 for a request, 128 and the signal, 124 for the time; and 0 once it has been resumed" {
  for end in stop:130 stop-now:130 INT:130 TERM:143 HUP:129 USR1:124; do
    start_run 2
    ask "${end%:*}"
    touch go
    ends_with "${end#*:}"
    says 'not run' '  to go on with the rest: '
    drover run --resume run
    exits 0
    says '2 tasks: 2 succeeded in'
    lacks -E 'not read|to go on' err
  done
}

@test "with nothing left, 0: whoever asked for the end while the last tasks were executing" {
  for how in stop INT USR1; do
    start_run 1
    ask "$how"
    touch go
    ends_with 0
    says '1 task: 1 succeeded in'
    lacks -E 'not read|to go on' err
    drover run --resume run
    exits 0
    says 'is finished: 1 tasks, 1 succeeded'
  done
}

@test "with nothing left, failures count: whoever asked for the end" {
  touch fail-1
  for how in stop INT USR1; do
    start_run 1
    ask "$how"
    touch go
    ends_with 1
    says '1 failed'
  done
}

@test "a finished run has its status again, however often it is asked" {
  touch go fail-1 fail-2
  set -- -j 1 --run-dir run 'test -e go; ! [ -e fail-{} ]' ::: 1 2 3
  drover run "$@"
  exits 2
  drover run --resume run
  exits 2
  says 'is finished: 3 tasks, 1 succeeded, 2 did not'
  drover run --continue "$@"
  exits 2
  drover run --resume run
  exits 2
  # The master says so, too, when it is started all the same.
  capture by_mpirun "$DROVER" run --resume run
  exits 2
  rm fail-1
  drover run --resume-failed run
  exits 1
}

@test "tasks that failed before a run was resumed count" {
  touch fail-1
  start_run 3
  touch go
  waits_for has_event task_ended
  kill -TERM "$pid"
  status=0
  wait "$pid" || status=$?
  drover run --resume run
  exits 1
}

@test "an input that ends after the run was asked to: nothing is left; one that goes on: something is" {
  run_pipe() {
    rm -rf run go began-*
    mkfifo pipe
    "$DROVER" run -j 1 --prefetch 0 --run-dir run 'touch began-{}; until [ -e go ]; do sleep 0.02; done' <pipe >out 2>err 3>&- &
    pid=$!
    exec 9>pipe
    echo 1 >&9
    waits_for test -e began-1
    kill -INT "$pid"
    waits_for is_stopping
    [ -z "$1" ] || echo "$1" >&9
    exec 9>&-
    touch go
    ends_with "$2"
    rm pipe
  }
  run_pipe '' 0
  says '1 task: 1 succeeded in'
  run_pipe 2 130
  says '2 tasks: 1 succeeded, 1 not run'
  drover run --resume run
  exits 0
}

@test "an input that nobody has seen the end of is left" {
  mkfifo pipe
  "$DROVER" run -j 1 --prefetch 0 --run-dir run 'touch began-{}; until [ -e go ]; do sleep 0.02; done' <pipe >out 2>err 3>&- &
  pid=$!
  exec 9>pipe
  echo 1 >&9
  waits_for test -e began-1
  kill -INT "$pid"
  waits_for is_stopping
  touch go
  ends_with 130
  exec 9>&-
  says '1 task: 1 succeeded, the rest of the input not read, in' '  to go on with the rest: '
}

@test "what was never executed has no host" {
  start_run 3
  "$DROVER" cancel --run run 2-3 2 3 3
  waits_for has_event task_ended '"task":3,.*"how":"cancelled"'
  touch go
  ends_with 2
  says '  task 2: cancelled before it was executed: ' '  task 3: cancelled before it was executed: '
  lacks ' on : ' err
}

@test "what is cancelled as it executes has one" {
  start_run 1
  "$DROVER" cancel --run run 1
  ends_with 1
  grep -qE '^  task 1 on [^ ]+: cancelled: ' err
}
