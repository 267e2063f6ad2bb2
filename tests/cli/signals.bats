#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# What ends a run from outside, and that nothing lives on.

load lib

# start_run SECONDS_TO_SLEEP: a run in the background with two tasks that execute and one that waits.
start_run() {
  # A name that only processes of this test have on their command line.
  sleeper="sleep $1"
  "$DROVER" run -j 2 --prefetch 0 --run-dir run "echo begin {}; touch began-{}; until [ -e go ]; do sleep 0.02; done; $sleeper" \
    ::: 1 2 3 >out 2>err 3>&- &
  pid=$!
  waits_for test -e began-1
  waits_for test -e began-2
}

ends_with() {
  local expected=$1
  status=0
  wait "$pid" || status=$?
  exits "$expected"
}

@test "SIGINT once: what executes may finish, nothing more is started" {
  start_run 0
  kill -INT "$pid"
  waits_for has_event dispatch_stopped '"kill":false'
  touch go
  ends_with 130
  [ "$(sort out)" = $'begin 1\nbegin 2' ]
  says '3 tasks: 2 succeeded, 1 not run'
  [ ! -e began-3 ]
  next=$(sed -n 's/^  to go on with the rest: //p' err)
  capture bash -c "$next"
  exits 0
  [ "$(cat out)" = 'begin 3' ]
}

@test "SIGINT twice: what executes is ended" {
  start_run 71077
  touch go
  kill -INT "$pid"
  waits_for has_event dispatch_stopped '"kill":false'
  kill -INT "$pid"
  ends_with 130
  says '0 succeeded, 3 not run'
  waits_for no_process "$sleeper"
}

@test "SIGTERM ends what executes" {
  start_run 71078
  touch go
  kill -TERM "$pid"
  ends_with 143
  says '0 succeeded, 3 not run'
  waits_for no_process "$sleeper"
}

@test "SIGUSR1: the time is nearly up, and what executes may finish" {
  start_run 0
  kill -USR1 "$pid"
  waits_for has_event dispatch_stopped '"kill":false'
  touch go
  ends_with 124
}

@test "a worker that is terminated hands back what it executes, and no failure is recorded" {
  start_run 0
  kill -TERM "$(rank_pid 1)"
  waits_for has_event worker_ended '"how":"drained"'
  touch go
  ends_with 0
  says '3 tasks: 3 succeeded'
}

@test "SIGINT after the last task has ended changes nothing" {
  capture locally 'echo {}' ::: a
  exits 0
}

@test "a signal while the ranks are starting ends the start" {
  for pause in 0.02 0.1 0.3; do
    "$DROVER" run -j 2 --quiet 'sleep 71079 # {}' ::: 1 2 >out 2>err 3>&- &
    pid=$!
    sleep "$pause"
    kill -TERM "$pid"
    ends_with 143
    waits_for no_process 'sleep 71079'
  done
}

@test "a hangup stops the run, but not one that nohup started" {
  start_run 71080
  kill -HUP "$pid"
  touch go
  ends_with 129
  waits_for no_process "$sleeper"
  rm -rf run go began-*

  nohup "$DROVER" run -j 1 --run-dir run 'touch began; until [ -e go ]; do sleep 0.02; done; echo {}' ::: a >out 2>err 3>&- &
  pid=$!
  waits_for test -e began
  kill -HUP "$pid"
  touch go
  ends_with 0
  [ "$(cat out)" = a ]
}

@test "SIGTERM to mpirun ends the commands" {
  mpirun -n 3 --map-by :OVERSUBSCRIBE --bind-to none "$DROVER" run --run-dir run 'touch began-{}; sleep 71081' ::: 1 2 >out 2>err 3>&- &
  pid=$!
  waits_for test -e began-1
  waits_for test -e began-2
  kill -TERM "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" -ne 0 ]
  waits_for no_process 'sleep 71081'
}

# rank_pid RANK: of the run that this test started.
rank_pid() {
  local entry
  for entry in /proc/[0-9]*; do
    [ "$(readlink "$entry/cwd" 2>/dev/null)" = "$BATS_TEST_TMPDIR" ] || continue
    [ "$(readlink "$entry/exe")" = "$(readlink -f "$DROVER")" ] || continue
    tr '\0' '\n' <"$entry/environ" 2>/dev/null | grep -qE "^(OMPI_COMM_WORLD_RANK|PMIX_RANK)=$1\$" && echo "${entry#/proc/}" && return
  done
  return 1
}

@test "no command lives on when its worker is killed, and its task is done again" {
  start_run 0
  kill -9 "$(rank_pid 1)"
  waits_for has_event worker_ended '"how":"lost"'
  touch go
  ends_with 0
  says '3 tasks: 3 succeeded' '1 worker lost'
  waits_for no_process 'until \[ -e go \]'
}

@test "no command lives on when the supervisor is killed" {
  start_run 71082
  touch go
  kill -9 "$pid"
  wait "$pid" || true
  waits_for no_process "$sleeper"
  waits_for no_process "$BATS_TEST_TMPDIR"
}
