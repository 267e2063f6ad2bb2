#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# What is printed, in which order and form, and where else outputs go.

load lib

@test "outputs are printed whole, each stream to its own" {
  for start in "${starts[@]}"; do
    capture "$start" --slots 4 'for i in 1 2 3; do echo {} $i; sleep 0.01; done; echo {} error >&2' ::: a b c d e f
    exits 0
    # Lines of a task stand together.
    [ "$(cut -d ' ' -f 1 out | uniq | wc -l)" -eq 6 ]
    [ "$(wc -l <out)" -eq 18 ]
    [ "$(grep -c ' error$' err)" -eq 6 ]
  done
}

@test "keep-order prints in the order of the input, whichever ends first" {
  for start in "${starts[@]}"; do
    rm -f last
    capture "$start" -k --slots 2 'if [ {} = 4 ]; then touch last; else until [ -e last ]; do sleep 0.02; done; fi; echo {}; echo {} >&2' ::: 1 2 3 4
    prints 1 2 3 4
    [ "$(grep '^.$' err | tr -d '\n')" = 1234 ]
  done
}

@test "tags" {
  capture locally -k --tag 'printf "x\ny"; echo e >&2 # {}' ::: 'a b' c
  exits 0
  printf 'a b\tx\na b\tyc\tx\nc\ty' | cmp - out
  grep -qx $'a b\te' err
  capture locally -k --tag 'echo {2}{1}' ::: a ::: 1 2
  prints $'a 1\t1a' $'a 2\t2a'
  echo 'echo hello' >tasks.txt
  capture locally --tag tasks.txt
  prints $'echo hello\thello'
}

@test "line buffering shows lines while the command runs, and never mixes within one" {
  for start in "${starts[@]}"; do
    rm -f seen
    "$start" --line-buffer 'printf "begin "; echo end; until [ -e seen ]; do sleep 0.02; done; echo {}' ::: a b >out 2>err 3>&- &
    local pid=$!
    waits_for eval '[ "$(grep -c "^begin end$" out)" = 2 ]'
    touch seen
    wait "$pid"
    [ "$(sort out | tr '\n' ' ')" = 'a b begin end begin end ' ]
  done
}

@test "binary output is intact" {
  head -c 3000000 /dev/urandom >bytes
  for start in "${starts[@]}"; do
    capture "$start" -k 'cat bytes; cat bytes >&2 # {}' ::: 1 2
    exits 0
    cat bytes bytes | cmp - out
    head -c 6000000 err | cmp - <(cat bytes bytes) || grep -q 'survives no death' err
  done
  capture locally --no-progress --quiet 'cat bytes # {}' ::: 1
  [ ! -s out ]
}

@test "binary output through pipes, under mpirun too" {
  head -c 3000000 /dev/urandom >bytes
  for start in "${starts[@]}"; do
    "$start" 'cat bytes # {}' ::: 1 2>err 3>&- | cmp - bytes
    "$start" 'cat bytes >&2 # {}' ::: 1 2>&1 >/dev/null 3>&- | grep -av '^drover: this MPI' | head -c 3000000 | cmp - bytes
  done
}

@test "output-dir: few files, with an index" {
  capture locally --output-dir results 'printf {}{}; echo e{} >&2' ::: a bb ccc
  exits 0
  [ ! -s out ]
  [ "$(ls results | tr '\n' ' ')" = 'index.tsv stderr stdout ' ]
  local task attempt offset length rest
  while read -r task attempt offset length rest; do
    [ "$task" = task ] && continue
    local value
    value=$(printf 'a\nbb\nccc\n' | sed -n "${task}p")
    [ "$(tail -c +$((offset + 1)) results/stdout | head -c "$length")" = "$value$value" ]
  done <results/index.tsv
  [ "$(sort results/stderr | tr '\n' ' ')" = 'ea ebb eccc ' ]
}

@test "output-dir with files for each task" {
  capture under_mpirun --output-dir results --output-files per-task 'echo {}; [ {} = 1 ] || echo e{} >&2' ::: 1 2
  exits 0
  [ ! -s out ]
  [ "$(cat results/1.out results/2.out results/2.err | tr '\n' ' ')" = '1 2 e2 ' ]
  [ ! -s results/1.err ] || false
}

@test "an output directory that has outputs already is left alone" {
  capture locally --output-dir results 'echo {}' ::: 1
  exits 0
  capture locally --output-dir results 'echo {}' ::: 2
  exits 125
  says "--output-dir 'results' holds the outputs of another run"
  [ "$(cat results/stdout)" = 1 ]
}

@test "quiet: no outputs, and a summary only if something failed" {
  capture locally --quiet 'echo {}' ::: a
  exits 0
  [ ! -s out ] && [ ! -s err ]
  capture locally --quiet 'echo {}; false' ::: a
  exits 1
  [ ! -s out ]
  says '1 failed'
}

@test "json: every line is an object, whatever the commands" {
  python3 -c 'import json' || skip "python3 is not installed"
  printf 'echo "\\n\377\376"\0false\0printf "\a\t" >&2\0' >tasks
  for start in "${starts[@]}"; do
    capture "$start" --json -0 tasks
    exits 1
    python3 - <<'EOF'
import json
events = [json.loads(line) for line in open('out', encoding='utf-8')]
assert all(isinstance(event['t'], float) and event['event'] for event in events)
ended = {event['task']: event['how'] for event in events if event['event'] == 'task_ended'}
assert ended == {1: 'succeeded', 2: 'failed', 3: 'succeeded'}, ended
EOF
  done
}

@test "json can be followed while the run lasts" {
  mkfifo events
  locally --json 'until [ -e go ]; do sleep 0.02; done # {}' ::: x >events 2>err 3>&- &
  local pid=$! line
  exec 4<events
  while read -r line <&4; do [[ $line == *'"event":"attempt_started"'* ]] && break; done
  touch go
  while read -r line <&4; do [[ $line == *'"event":"task_ended"'* ]] && break; done
  [[ $line == *'"how":"succeeded"'* ]]
  cat <&4 >/dev/null
  wait "$pid"
}

@test "a reader that has had enough ends the run, without a word about broken pipes" {
  for start in "${starts[@]}"; do
    status=0
    "$start" --line-buffer 'while echo {}; do :; done' ::: y y 2>err 3>&- | head -n 3 >out
    [ "${PIPESTATUS[0]}" -eq 141 ]
    prints y y y
    ! grep -iE 'sigpipe|broken pipe|segmentation' err
  done
  waits_for no_process 'while echo y'
}

@test "standard output that is full or closed is a failure, also for the last line" {
  [ -c /dev/full ] || skip "there is no /dev/full"
  status=0
  locally 'echo {}' ::: x >/dev/full 2>err 3>&- || status=$?
  [ "$status" -eq 125 ]
  says 'cannot write to standard output'
  status=0
  locally 'echo {}' ::: x >&- 2>err 3>&- || status=$?
  [ "$status" -eq 125 ]
  says 'cannot write to standard output'
  status=0
  locally 'cat; echo {}' ::: x <&- >out 2>&- 3>&- || status=$?
  [ "$status" -eq 0 ] && [ "$(cat out)" = x ]
  for command in 'config' '--version' 'run --dry-run echo ::: x'; do
    status=0
    "$DROVER" $command >/dev/full 2>err || status=$?
    [ "$status" -eq 125 ]
    says 'cannot print'
  done
}

@test "a stopped reader holds the run up, and loses nothing" {
  mkfifo outputs
  locally -k 'head -c 200000 /dev/zero | tr "\0" {}' ::: a b c d e f >outputs 2>err 3>&- &
  local pid=$!
  exec 4<outputs
  sleep 0.5
  cat <&4 >out
  wait "$pid"
  [ "$(wc -c <out)" -eq 1200000 ]
  [ "$(tr -s a-f <out)" = abcdef ]
}

@test "all is on record in the run directory" {
  capture locally --run-dir run 'echo {}; exit {}' ::: 0 1
  exits 1
  for file in joblog.tsv events.jsonl drover.log outputs/stdout; do [ -e "run/$file" ]; done
  # A second run is not mixed with it.
  capture locally --run-dir run 'echo {}' ::: 0
  exits 125
  says "run"
}

@test "without a name, every run gets a directory of its own" {
  capture locally --quiet 'true {}' ::: 1
  capture locally --quiet 'true {}' ::: 1
  [ "$(ls drover-runs | grep -cE '^[0-9]{8}-[0-9]{6}-[a-z0-9]{4}$')" -eq 2 ]
}
