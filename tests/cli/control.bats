#!/usr/bin/env bats
# A real run and those who talk to it.
# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own, on purpose
# shellcheck disable=SC2016 # it is the tasks' shell that expands

setup() {
  unset DROVER_RUN_DIR
  dir=$(mktemp -d)
  cd "$dir" || return 1
  run_pid=
}

teardown() {
  if [ -n "$run_pid" ]; then
    kill -TERM "$run_pid" 2>/dev/null || true
    wait "$run_pid" || true
  fi
  cd / || return 1
  rm -rf "$dir"
}

# A run that is kept open, named `run`; returns once it can be talked to.
start_run() {
  "$DROVER" run --run-dir run --keep-open -j 2 --no-progress - </dev/null >run.out 2>run.err 3>&- &
  run_pid=$!
  until_true 60 "$DROVER" status --run run
}

# until_true SECONDS COMMAND...
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "not within the time: $*"; return 1; }
    sleep 0.1
  done
}

# count NAME: a count of the run's status.
count() {
  "$DROVER" status --json | grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d: -f2
}
count_is() { [ "$(count "$1")" = "$2" ]; }

# ends_with STATUS: the run does, by itself.
ends_with() {
  local status=0
  wait "$run_pid" || status=$?
  run_pid=
  cat run.err
  [ "$status" -eq "$1" ]
}

# end_run STATUS: closes it; it ends with this status.
end_run() {
  "$DROVER" close
  ends_with "$1"
  [ ! -e run/control.sock ]
  [ ! -e run/control.lock ]
}

@test "a relay brings all answers after the last question" {
  start_run
  for ((i = 0; i < 20; ++i)); do
    echo '{"v":1,"id":7,"request":"hello"}' | "$DROVER" relay run >answer
    grep -q '"reply":"hello"' answer
  done
  end_run 0
}

@test "a run that is kept open takes tasks from several clients and ends when it is closed" {
  start_run
  [ "$(stat -c %a run/control.sock)" = 600 ]
  run "$DROVER" submit 'echo one; echo two >&2' 'exit 3'
  [ "$output" = "submitted 2 tasks: 1-2" ]
  run "$DROVER" submit --wait 'echo "task $DROVER_TASK_ID"'
  [ "$status" -eq 0 ]
  [ "$output" = "task 3" ]
  run "$DROVER" submit --wait 'echo a' 'exit 5' 'kill -9 $$'
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"task 5 on "*": exit status 5"* ]]
  [[ $output == *"task 6 on "*": killed by signal 9"* ]]
  run "$DROVER" submit --function f x
  [ "$status" -eq 125 ]
  [[ $output == *"it has no functions"* ]]
  seq 1 3000 | sed 's/^/echo /' >tasks
  "$DROVER" submit --wait - <tasks >one.out &
  "$DROVER" submit --wait --tag 'echo {}' ::: x y z >two.out
  wait $!
  seq 1 3000 | diff - <(sort -n one.out)
  [ "$(sort two.out | paste -sd,)" = "$(printf 'x\tx,y\ty,z\tz')" ]
  end_run 3
  # All of them have their record, once.
  [ "$(grep '"event":"task_ended"' run/events.jsonl | grep -o '"task":[0-9]*' | sort -u | wc -l)" -eq 3009 ]
  [ "$(grep -c '"event":"task_ended"' run/events.jsonl)" -eq 3009 ]
}

@test "a task can submit further tasks to its own run" {
  start_run
  "$DROVER" submit --wait "$DROVER submit 'echo child'" >out
  [ "$(cat out)" = "submitted 1 task: 2" ]
  until_true 30 count_is succeeded 2
  end_run 0
}

@test "tasks are cancelled: those that run and those that wait" {
  start_run
  "$DROVER" submit 'sleep 100' 'sleep 100' 'sleep 100' true
  until_true 30 count_is executing 2
  run "$DROVER" explain 3
  [[ $output == *"3"* ]]
  run "$DROVER" cancel 1-3 7
  [ "$status" -eq 125 ]
  [ "${lines[0]}" = "cancelled 3 tasks" ]
  until_true 30 count_is cancelled 3
  until_true 30 count_is succeeded 1
  run "$DROVER" cancel 1-4
  [ "$output" = "cancelled 0 tasks, 4 had ended before" ]
  # Each task counts once.
  run "$DROVER" cancel 1 1 2-4 2-4 6-9 6
  [ "${lines[0]}" = "cancelled 0 tasks, 4 had ended before" ]
  [[ ${lines[1]} == "drover: 4 tasks to cancel: "* ]]
  end_run 3
}

@test "stop lets what runs finish, stop --now does not" {
  start_run
  "$DROVER" submit 'sleep 1; echo yes >finished' 'sleep 1' true
  until_true 30 count_is executing 2
  run "$DROVER" stop
  [[ $output == "stopping: 2 commands still running"* ]]
  run "$DROVER" submit true
  [ "$status" -eq 125 ]
  ends_with 130
  [ "$(cat finished)" = yes ]
  rm -r run
  start_run
  "$DROVER" submit 'sleep 100'
  until_true 30 count_is executing 1
  "$DROVER" stop --now
  ends_with 130
  [ ! -e run/control.sock ]
  rm -r run
  start_run
  "$DROVER" submit --wait true
  "$DROVER" stop
  ends_with 0
}

follower_hears_of_a_task() {
  "$DROVER" submit : && [ -s events.out ]
}

@test "whoever waits learns that the run was stopped" {
  start_run
  "$DROVER" submit --wait 'sleep 100' >out 2>&1 &
  waiter=$!
  until_true 30 count_is executing 1
  "$DROVER" events >events.out &
  follower=$!
  until_true 30 follower_hears_of_a_task
  "$DROVER" stop --now
  status=0
  wait $waiter || status=$?
  cat out
  [ $status -ne 0 ]
  wait $follower
  ends_with 130
}

@test "events go on to the end" {
  start_run
  "$DROVER" events >events.out &
  follower=$!
  # Only what is said after it has subscribed reaches it.
  for _ in $(seq 50); do
    "$DROVER" submit --wait true
    [ ! -s events.out ] || break
  done
  "$DROVER" submit --wait 'exit 1' || true
  end_run 1
  wait $follower
  grep -q '"event":"task_ended".*"how":"failed"' events.out
  # Each as it stands in the file.
  [ "$(grep -Fxc -f run/events.jsonl events.out)" -eq "$(wc -l <events.out)" ]
}

@test "clients without manners harm nobody" {
  start_run
  mkfifo open
  "$RUDE_CLIENT" run stall <open 3>&- &
  staller=$!
  exec 4>open
  before=$(awk '/VmRSS/ {print $2}' "/proc/$(cut -d' ' -f2 run/control.lock)/status")
  seq 1 2000 | sed 's/^/echo /' >tasks
  "$DROVER" submit --wait - <tasks >out 4>&- &
  waiter=$!
  for how in garbage flood vanish deaf; do
    "$RUDE_CLIENT" run $how 4>&-
    run "$DROVER" status
    [ "$status" -eq 0 ]
  done
  wait $waiter
  seq 1 2000 | diff - <(sort -n out)
  after=$(awk '/VmRSS/ {print $2}' "/proc/$(cut -d' ' -f2 run/control.lock)/status")
  echo "master: $before KiB before, $after KiB after"
  [ $((after - before)) -lt 65536 ]
  "$RUDE_CLIENT" run crowd 4>&-
  until_true 30 "$DROVER" status
  exec 4>&-
  wait $staller
  end_run 0
}

@test "a second master on the same run directory is refused" {
  start_run
  run "$DROVER" run --run-dir run -j 1 true
  echo "$output"
  [ "$status" -eq 125 ]
  "$DROVER" submit --wait true
  end_run 0
}

@test "a control socket that somebody removes is made again, and whoever asks meanwhile waits for it" {
  start_run
  "$DROVER" submit 'until [ -e go ]; do sleep 0.02; done'
  until_true 30 count_is executing 1
  for file in control.sock control.lock 'control.sock control.lock'; do
    # shellcheck disable=SC2086 # two of them
    (cd run && rm $file)
    until_true 60 test -S run/control.sock -a -s run/control.lock
    [ "$(stat -c %a run/control.sock)" = 600 ]
    run "$DROVER" status --run run
    echo "$output"
    [ "$status" -eq 0 ]
  done
  rm run/control.sock
  run "$DROVER" status --run run
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *running* ]]
  touch go
  end_run 0
}

@test "a master that cannot make its socket again is said to live" {
  start_run
  master=$(cut -d' ' -f2 run/control.lock)
  kill -STOP "$master"
  rm run/control.sock
  run "$DROVER" status --run run --patience 500ms
  kill -CONT "$master"
  echo "$output"
  [ "$status" -eq 125 ]
  [[ $output == *"(process $master on "*") lives, but "*"control.sock' is missing"* ]]
  "$DROVER" status --run run
  end_run 0
}

@test "explain says of a task that waits that it waits" {
  start_run
  "$DROVER" submit 'until [ -e go ]; do sleep 0.02; done' 'until [ -e go ]; do sleep 0.02; done' true true
  until_true 30 count_is executing 2
  run "$DROVER" explain 4
  [ "$output" = 'Task 4 waits for a free slot behind 1 other task; of 2 slots none is free.' ] ||
    [[ $output == 'Task 4 is with worker '*', behind what runs there.' ]]
  touch go
  end_run 0
}

@test "a path that is too long for a socket" {
  deep=$PWD/$(printf 'a%.0s' {1..60})/$(printf 'b%.0s' {1..60})
  mkdir -p "$deep"
  cd "$deep"
  start_run
  [ -L run/control.sock ]
  target=$(readlink run/control.sock)
  run "$DROVER" submit --wait 'echo hello'
  [ "$output" = hello ]
  end_run 0
  [ ! -e "${target%/*}" ]
}
