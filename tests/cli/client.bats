#!/usr/bin/env bats
# The commands that talk to a running master, against one that is made up.

setup() {
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  unset DROVER_RUN_DIR
  dir=$(mktemp -d)
  cd "$dir" || return 1
  masters=()
}

teardown() {
  local pid
  for pid in "${masters[@]}"; do
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  cd /
  rm -rf "$dir"
}

# start_master DIR [MODE]: returns once it serves.
start_master() {
  mkfifo "ready.$$"
  "$FAKE_MASTER" "$@" >"ready.$$" 3>&- &
  masters+=($!)
  read -r _ <"ready.$$"
  rm "ready.$$"
}

# fails WITH WORDS...: the last `run` was refused with exactly one line that has these words.
fails() {
  echo "$output"
  [ "$status" -eq 125 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ ${lines[0]} == "drover: "* ]]
  local words
  for words in "$@"; do [[ $output == *"$words"* ]]; done
}

@test "without a run, commands say so" {
  for command in status events close stop "cancel 1" "submit true" "explain 1" "scale add -n 1" "scale drain x"; do
    # shellcheck disable=SC2086 # words
    run "$DROVER" $command
    fails "no run is going on here" "--run"
  done
}

@test "a run that does not exist, one that is over, one whose master died" {
  run "$DROVER" status --run nowhere
  fails "there is no run 'nowhere'"
  mkdir -p drover-runs/finished
  run "$DROVER" status --run finished
  fails "is over"
  run "$DROVER" status
  fails "drover-runs/finished" "is over"
  start_master drover-runs/finished
  kill -9 "${masters[0]}"
  wait "${masters[0]}" || true
  run "$DROVER" status --run finished
  fails "process ${masters[0]}" "died" "drover run --resume"
}

@test "several runs: the user is asked which" {
  start_master drover-runs/one
  run "$DROVER" status
  [ "$status" -eq 0 ]
  start_master two
  run "$DROVER" status
  echo "$output"
  [ "$status" -eq 125 ]
  [[ ${lines[0]} == *"2 runs are going on here"* ]]
  [[ $output == *"/two"* && $output == *"drover-runs/one"* ]]
  run "$DROVER" status --run one
  [ "$status" -eq 0 ]
  cd two
  run "$DROVER" status
  [ "$status" -eq 0 ]
}

@test "within a task, its own run is meant" {
  start_master drover-runs/one
  start_master drover-runs/two
  DROVER_RUN_DIR=$PWD/drover-runs/two run "$DROVER" submit true
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a master that is stuck is given up" {
  start_master run stuck
  run "$DROVER" status --patience 300ms
  fails "process ${masters[0]}" "has not answered within 300ms"
}

@test "another user's run" {
  [ "$(id -u)" -eq 0 ] || skip "needs root to be somebody else"
  command -v setpriv >/dev/null || skip "needs setpriv"
  start_master run
  chmod 755 . run
  run setpriv --reuid 65534 --regid 65534 --clear-groups "$DROVER" status --run run
  fails "belongs to another user"
  # Also when the file lets everybody in.
  chmod 666 run/control.sock
  run setpriv --reuid 65534 --regid 65534 --clear-groups "$DROVER" status --run run
  fails "belongs to another user"
}

@test "a wrong word is an error before anything is asked" {
  run "$DROVER" cancel 3-1
  fails "'3-1' is not a list of tasks"
  run "$DROVER" scale drain 5
  fails "group:5" "rank:5"
  run "$DROVER" scale add
  fails "--population" "--hosts" "--hostfile"
  run "$DROVER" scale add --hosts a:8 --hostfile x
  fails "--hosts" "--hostfile"
  run "$DROVER" scale add --hosts a:many
  fails "'a:many'"
  printf 'a slots=2\nb slots=x\n' >hosts
  run "$DROVER" scale add --hostfile hosts
  fails "hosts:2" "'x'"
  run "$DROVER" scale add --via magic -n 1
  fails "--via"
  run "$DROVER" scale
  fails "drover scale --help"
  run "$DROVER" submit
  fails "drover submit --help"
  run "$DROVER" submit true -
  fails "'-'"
  run "$DROVER" submit ''
  fails "empty"
  run "$DROVER" submit --function f 'a {}' ::: x
  fails "template"
  run "$DROVER" stop ::: 1
  fails "drover stop"
  run "$DROVER" status --patience 0
  fails "--patience"
  run "$DROVER" status --interval never
  fails "--interval"
}

@test "status as a table, as JSON, and again and again" {
  start_master run
  run "$DROVER" status
  echo "$output"
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == "run     fake: running"*"master on node1"* ]]
  [[ $output == *"GROUP"*"join"*"2/2"* ]]
  [[ $output == *"node2"* ]]
  run "$DROVER" status --json
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == *'"reply":"status"'* && $output == *'"accepted":10,'* && $output == *'"source":"join"'* ]]
}

@test "status --watch ends with the run" {
  start_master run
  run "$DROVER" status --watch --interval 50ms
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c '^run     fake' <<<"$output")" -eq 3 ]
  [[ ${lines[-1]} == "drover: the run is over" ]]
}

@test "submit says which numbers the tasks have" {
  start_master run
  run "$DROVER" submit 'echo one' 'echo two'
  [ "$status" -eq 0 ]
  [ "$output" = "submitted 2 tasks: 11-12" ]
  run bash -c 'printf "echo a\n# not this\n\necho b\n" | "$DROVER" submit -'
  [ "$output" = "submitted 2 tasks: 13-14" ]
  run "$DROVER" submit 'echo {}' ::: x y z
  [ "$output" = "submitted 3 tasks: 15-17" ]
  run "$DROVER" submit - </dev/null
  [ "$status" -eq 0 ]
  [ "$output" = "submitted no tasks" ]
}

@test "submit --wait prints outputs, and exits as a run would" {
  start_master run
  run "$DROVER" submit --wait 'echo one' 'echo two'
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$output" = "$(printf 'ran echo one\nran echo two')" ]
  run "$DROVER" submit --wait --tag 'echo one'
  [ "$output" = "$(printf 'echo one\tran echo one')" ]
  run "$DROVER" submit --wait false true false
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"task 14 on node2: exit status 1: false"* ]]
  [[ $output == *"2 of 3 tasks did not succeed"* ]]
}

@test "many tasks, and a reader who has had enough" {
  start_master run
  seq 1 20000 | sed 's/^/echo /' >tasks
  "$DROVER" submit --wait - <tasks >out
  [ "$(wc -l <out)" -eq 20000 ]
  sed 's/^/ran /' tasks | diff -q - out
  run bash -c '"$DROVER" submit --wait - <tasks | head -n 2; echo "${PIPESTATUS[0]}"'
  [ "${lines[-1]}" -eq 141 ]
}

@test "bytes that are not text arrive as they are" {
  start_master run
  command=$(printf 'echo \xff\xfe\xc3')
  "$DROVER" submit --wait "$command" >out
  printf 'ran %s\n' "$command" | cmp - out
}

@test "a task that no line can hold is an error" {
  start_master run
  head -c 2000000 /dev/zero | tr '\0' x >tasks
  run "$DROVER" submit - <tasks
  fails "longer than"
}

@test "close, cancel, stop, explain" {
  start_master run
  run "$DROVER" close
  [ "$output" = "closed: the run ends after 2 unfinished tasks" ]
  run "$DROVER" cancel 1-4 6
  [ "$status" -eq 0 ]
  [ "$output" = "cancelled 3 tasks, 2 had ended before" ]
  run "$DROVER" cancel 10-12
  [ "$status" -eq 125 ]
  [ "${lines[0]}" = "cancelled 1 task" ]
  [[ ${lines[1]} == "drover: 2 tasks to cancel: "* ]]
  run "$DROVER" explain 3
  [ "$output" = "it is busy" ]
  run "$DROVER" explain 99
  fails "there is no task 99"
  run "$DROVER" stop
  [ "$output" = "stopping: 3 commands still running, 2 tasks left undone" ]
  wait "${masters[0]}"
  run "$DROVER" stop
  fails "no run is going on here"
}

@test "scale" {
  start_master run
  run "$DROVER" scale add --hosts a:8,b:8 --via join --population 3
  echo "$output"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = "drover: looking whether 2 hosts answer" ]
  [ "${lines[1]}" = "group 5: 3 workers joined on a, b" ]
  run "$DROVER" scale add --hosts nonsense
  echo "$output"
  [ "$status" -eq 125 ]
  [ "${lines[-1]}" = "drover: host nonsense does not resolve" ]
  run "$DROVER" scale drain group:3
  [ "$output" = "draining 3 ranks: 4-5,7" ]
  run "$DROVER" scale drain --wait node2
  [ "${lines[1]}" = "2 ranks left, 1 died before they could" ]
  run "$DROVER" scale drain group:9
  fails "there is no group 9"
}

@test "events until the run is over" {
  start_master run
  run "$DROVER" events
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$output" = "$(printf '{"event":"one"}\n{"event":"two"}')" ]
}
