#!/usr/bin/env bats
# Runs that are taken up again, and what reads their records. DROVER is the program under test.

bats_require_minimum_version 1.5.0

load killing

drover() { "$DROVER" "$@"; }

# Runs drover in the background; `$!` is its own process.
start_drover() { "$DROVER" "$@" 3>&- & }

query() { sqlite3 -readonly "$1/run.db" "$2"; }

# Starts tasks of 20 ms that append their number to `effects`, and kills the master amid them.
killed_run() {
  for i in $(seq 150); do echo "sleep 0.02; echo $i >>effects; echo out $i"; done >tasks.txt
  start_drover run -j 2 --max-rollovers 0 --run-dir run "$@" tasks.txt >out1 2>err1
  until_true 60 has_lines effects 40
  kill -KILL "$(master_pid run)"
  wait $! || true
}

@test "a run whose master was killed goes on from its directory, losing and doubling no output" {
  killed_run -k
  grep -q 'drover run --resume' err1
  [ "$(query run "SELECT succeeded < 150 FROM progress")" = 1 ]
  run -0 --separate-stderr drover run --resume run
  printf '%s\n' "${lines[@]}" >out2
  seq 150 | sed 's/^/out /' | cmp - <(drover output --run run)
  cat out1 out2 | sort -u | cmp - <(seq 150 | sed 's/^/out /' | sort)
  [ "$(tail -n +2 run/joblog.tsv | cut -f 1 | sort -n | uniq | wc -l)" = 150 ]
  [ "$(tail -n +2 run/joblog.tsv | wc -l)" = 150 ]
  [ "$(query run "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 150 ]
  [ "$(sort effects | uniq | wc -l)" = 150 ]
}

@test "a supervisor takes a killed master's run up by itself" {
  for i in $(seq 100); do echo "sleep 0.02; echo $i >>effects; echo out $i"; done >tasks.txt
  start_drover run -j 2 --run-dir run tasks.txt >out 2>err
  until_true 60 has_lines effects 30
  kill -KILL "$(master_pid run)"
  wait $!
  [ "$(query run "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 100 ]
  grep -q 'rollover 1 of' err
}

@test "a group that this MPI job cannot spawn any more moves the run to a new one" {
  for i in $(seq 200); do echo "sleep 0.1; echo $i >>effects; echo out $i"; done >tasks.txt
  start_drover run -j 2 --run-dir run tasks.txt >out 2>err
  until_true 60 has_lines effects 5
  drover scale add --run run --population 2 --via spawn
  until_true 60 has_lines effects 20
  # shellcheck disable=SC2046  # several numbers
  kill -KILL $(query run "SELECT pid FROM workers WHERE group_id = 1")
  until_true 60 grep -q '"event":"group_ended","group":1' run/events.jsonl
  run -125 drover scale add --run run --population 2 --via spawn
  [[ $output == *'the run now moves to a new MPI job: ask again in a moment'* ]]
  wait $!
  grep -q 'going on from the journal (rollover 1 of' err
  sort -n out | cmp - <(seq 200 | sed 's/^/out /' | sort -n)
  [ "$(query run "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 200 ]
  # Nothing was cut off: what executed could finish.
  [ "$(query run "SELECT group_concat(how || ' ' || coalesce(reason, '')) FROM sessions")" = 'stopped rollover,finished ' ]
}

@test "what a master acknowledged outlives it, also in a farm without input of its own" {
  start_drover run -j 1 --keep-open --run-dir run >out 2>err
  until_true 60 test -S run/control.sock
  for i in $(seq 20); do drover submit --run run "sleep 0.1; echo $i >>effects"; done
  kill -KILL "$(master_pid run)"
  until_true 60 drover close --run run
  wait $!
  [ "$(sort -n effects | uniq)" = "$(seq 20)" ]
  [ "$(query run "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 20 ]
}

@test "a pipe loses nothing when the master that read it dies" {
  seq 3000 | start_drover run -j 2 --run-dir run 'echo {} >>effects; echo {}' >out 2>err
  until_true 60 has_lines effects 50
  kill -KILL "$(master_pid run)"
  until_true 120 grep -q '3000 succeeded' err
  # A kill between printing and the note of it has what was printed last printed again.
  sort -nu out | cmp - <(seq 3000)
  sort -nu effects | cmp - <(seq 3000)
}

# recorded DIR NUM
recorded() { [ "$(query "$1" 'SELECT succeeded FROM progress' 2>/dev/null)" = "$2" ]; }

# Kills the master of a run with OPTIONS while it waits for the reader of its outputs, all recorded.
killed_while_printing() {
  mkfifo slow
  # shellcheck disable=SC2046  # several numbers
  "$DROVER" run -j 2 --run-dir run "$@" 'seq {} 20 200000' ::: $(seq 20) >slow 2>err 3>&- &
  exec 8<slow
  head -c 100001 <&8 >out
  until_true 60 recorded run 20
  kill -KILL "$(master_pid run)"
  for i in $(seq 20); do seq "$i" 20 200000; done >expected
}

@test "a slow reader gets what a dead master recorded and did not print, from the very byte on" {
  killed_while_printing
  cat <&8 >>out
  wait $!
  sort -n out | cmp - <(sort -n expected)
}

@test "so it does in order" {
  killed_while_printing -k
  cat <&8 >>out
  wait $!
  cmp out expected
}

@test "whoever resumes a run that was only not printed gets the rest of it" {
  killed_while_printing -k --max-rollovers 0
  cat <&8 >>out
  wait $! || true
  [ "$(wc -c <out)" -lt "$(wc -c <expected)" ]
  drover run --resume run >rest 2>err2
  grep -q 'is finished: 20 tasks, 20 succeeded' err2
  sort -nu out rest | cmp - <(sort -n expected)
  # Outputs begin with their task's number: none in part, and not those that were printed whole.
  [ "$(head -n 1 rest)" -gt 1 ]
  [ "$(head -n 1 rest)" -le 20 ]
  run -0 drover run --resume run
  [[ $output != *20000* ]]
}

@test "what was read of a pipe is executed by whoever resumes, but for half a line" {
  mkfifo pipe
  "$DROVER" run -j 2 --max-rollovers 0 --run-dir run 'sleep 0.05; echo {} >>effects' <pipe >out 2>err 3>&- &
  exec 9>pipe
  seq 60 >&9
  printf 'not all of' >&9
  until_true 60 has_lines effects 5
  kill -KILL "$(master_pid run)"
  wait $! || true
  exec 9>&-
  run -0 drover run --resume run
  [[ $output == *'going on with what was read of it'* ]]
  sort -nu effects | cmp - <(seq 60)
}

@test "a finished run says so and runs nothing" {
  drover run -j 1 --quiet --run-dir run 'echo {} >>effects' ::: a b
  run -0 drover run --resume run
  [[ $output == *"is finished: 2 tasks, 2 succeeded"* ]]
  [ "$(wc -l <effects)" = 2 ]
}

@test "what failed runs again, or what a condition says, and nothing else" {
  run -1 drover run -j 2 --quiet --run-dir run 'echo {} >>effects; test {} != b || test -e fixed' ::: a b c
  touch fixed
  run -0 drover run --resume-failed run
  [ "$(sort effects | tr '\n' ' ')" = 'a b b c ' ]
  run -0 drover run --resume run --rerun "tag = 'c'"
  [ "$(sort effects | tr '\n' ' ')" = 'a b b c c ' ]
  run -125 drover run --resume run --rerun "nonsense"
  [[ $output == *"'nonsense' is no condition"* ]]
  [ "$(query run "SELECT group_concat(state) FROM tasks")" = succeeded,succeeded,succeeded ]
}

@test "options, order and place are those that the run was started with" {
  mkdir elsewhere
  # shellcheck disable=SC2016  # for the shell of the tasks
  run -2 drover run -j 1 --slots 2 --tag -k --env GREETING=hello --run-dir run 'echo $GREETING {} $(pwd); test -e fixed' ::: a b
  touch fixed
  cd elsewhere
  run -0 --separate-stderr drover run --resume-failed ../run
  [ "${lines[0]}" = "a	hello a $BATS_TEST_TMPDIR" ]
  [ "${lines[1]}" = "b	hello b $BATS_TEST_TMPDIR" ]
}

@test "an input that has changed is refused, followed or ended, as asked" {
  interrupt_amid_a_file() {
    rm -rf run effects
    for i in $(seq 100); do echo "sleep 0.05; echo $i >>effects"; done >tasks.txt
    start_drover run -j 2 --quiet --prefetch 0 --run-dir run tasks.txt 2>/dev/null
    until_true 60 has_lines effects 5
    kill -TERM $!
    wait $! || true
    sed -i '1s/.*/echo other/; $a echo last >>effects' tasks.txt
  }
  interrupt_amid_a_file
  run -125 drover run --resume run
  [[ $output == *"the input has changed"*"task 1 was 'sleep 0.05; echo 1 >>effects' and is 'echo other'"* ]]
  run -0 drover run --resume run --changed-input follow
  [ "$(query run "SELECT accepted || ' ' || succeeded FROM progress")" = '101 101' ]
  grep -q last effects
  interrupt_amid_a_file
  accepted=$(query run "SELECT accepted FROM progress")
  run -0 drover run --resume run --changed-input end
  [ "$(query run "SELECT accepted || ' ' || succeeded FROM progress")" = "$accepted $accepted" ]
}

@test "of a pipe, what was taken is run; the rest is taken from a new one if there is one" {
  { for i in $(seq 30); do echo "echo $i >>effects; sleep 0.02"; done; exec sleep 60; } 3>&- | "$DROVER" run -j 2 --quiet --run-dir run - 2>/dev/null 3>&- &
  until_true 60 has_lines effects 10
  kill -TERM "$(master_pid run)"
  wait $! || true
  run -0 drover run --resume run
  [[ $output == *"standard input cannot be read again"* ]]
  run -0 drover run --resume run - <<<'echo more >>effects'
  grep -q more effects
  [ "$(query run "SELECT count(*) FROM tasks WHERE state <> 'succeeded'")" = 0 ]
}

@test "a group that has no master when its run comes to its end leaves" {
  start_drover run -j 1 --prefetch 0 --max-rollovers 0 --run-dir run \
    'touch began-{}; until [ -e go ]; do sleep 0.05; done' ::: 1 2 3 >out 2>err
  local started=$!
  until_true 60 test -e began-1
  "$DROVER" worker --join run --rejoin >worker.log 2>&1 3>&- &
  local worker=$!
  until_true 60 grep -q 'has joined the run' worker.log
  # It is not to see the next master.
  kill -STOP "$worker"
  kill -KILL "$(master_pid run)"
  wait "$started" || true
  touch go
  run -0 drover run --resume run
  kill -CONT "$worker"
  wait "$worker"
}

@test "two masters on one run are refused" {
  start_drover run -j 1 --quiet --run-dir run 'touch started; sleep 600; : {}' ::: a
  until_true 60 test -e started
  run -125 drover run --resume run
  [[ $output == *"is going on: process "* ]]
  kill -TERM $!
  wait $! || [ $? = 143 ]
}

@test "a job log of GNU parallel is a starting point" {
  printf '%s\n' 'Seq	Host	Starttime	JobRuntime	Send	Receive	Exitval	Signal	Command' \
    '1	:	1700000000.000	     0.500	0	2	0	0	echo a >>effects' \
    '2	:	1700000000.000	     0.500	0	2	1	0	echo b >>effects' >log
  run -125 drover run -j 1 --joblog-import log --run-dir other 'echo {} >>effects' ::: x b c
  [[ $output == *"task 1 is 'echo x >>effects', and another command in 'log' line 2"* ]]
  run -0 drover run -j 1 --joblog-import log --run-dir run 'echo {} >>effects' ::: a b c
  [ "$(tr '\n' ' ' <effects)" = 'b c ' ]
  [ "$(query run "SELECT round(runtime, 1) FROM tasks WHERE id = 1")" = 0.5 ]
}

@test "results, outputs and runs are read while a run goes on" {
  has_succeeded() { drover runs --json | grep -q "\"succeeded\":$1"; }
  start_drover run -j 2 --quiet 'echo out {}; echo err {} >&2; case {} in b) exit 3;; d) touch started; sleep 600;; esac' \
    ::: a b c d 2>/dev/null
  until_true 60 test -e started
  until_true 20 has_succeeded 2
  run -0 drover runs
  [[ ${lines[1]} == running* ]]
  run -0 --separate-stderr drover results
  [ "${#lines[@]}" = 4 ]
  [[ ${lines[2]} == 2$'\t'failed$'\t'1$'\t'3$'\t'0* ]]
  run -0 --separate-stderr drover results --failed --format json
  [[ $output == *'"tag":"b"'*'"exit":3'*'"stderr_tail":"err b"'* ]]
  run -0 --separate-stderr drover output 1,3
  [ "$output" = $'out a\nout c' ]
  # shellcheck disable=SC2154  # set by run
  [ "$stderr" = $'err a\nerr c' ]
  run -125 drover output 4
  kill -TERM $!
  wait $! || [ $? = 143 ]
  run -0 drover runs
  [[ ${lines[1]} == stopped* ]]
}

@test "a failed command's script runs it again" {
  run -2 drover run -j 1 --quiet --run-dir run 'echo {} >>effects; false' ::: "it's" b
  drover results run --failed --format sh >again.sh
  sh again.sh || true
  [ "$(tr '\n' ' ' <effects)" = "it's b it's b " ]
}

@test "mpirun that is told to end its job is followed by another" {
  for i in $(seq 300); do echo "sleep 0.02; echo $i >>effects"; done >tasks.txt
  start_drover run -j 2 --run-dir run tasks.txt >out 2>err
  until_true 60 has_lines effects 30
  kill -TERM "$(ps -o ppid= -p "$(master_pid run)")"
  wait $!
  [ "$(query run "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = 300 ]
  grep -q 'rollover 1 of' err
}

@test "--continue begins a run, goes on with it, and knows when it is over" {
  printf '%s\n' 'echo 1 >>effects' 'echo 2 >>effects' 'echo 3 >>effects' >tasks.txt
  run -124 drover run -j 1 --prefetch 0 --run-dir run --continue --time-limit 1s --time-request 2s tasks.txt
  [ ! -e effects ]
  drover run -j 1 --run-dir run --continue --time-limit 0 tasks.txt
  [ "$(sort effects | tr '\n' ' ')" = '1 2 3 ' ]
  run -0 drover run -j 1 --run-dir run --continue tasks.txt
  [[ $output == *'is finished'* ]]
  run -125 drover run -j 1 --run-dir run --continue 'echo {}' ::: other
  [[ $output == *'started with other input'* ]]
  run -125 drover run -j 1 --continue tasks.txt
  [[ $output == *'--continue needs --run-dir'* ]]
}
