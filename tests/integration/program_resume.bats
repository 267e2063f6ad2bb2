#!/usr/bin/env bats
# Programs of the library that are killed, and taken up again with their results. PROGRAM is resumed_program.

bats_require_minimum_version 1.5.0

load ../cli/killing

query() { sqlite3 -readonly run/run.db "$1"; }

# killed NUM ARGUMENT...: kills the master once NUM tasks have left their mark.
killed() {
  local num=$1
  shift
  "$PROGRAM" -j 2 --run-dir run "$@" >out1 2>err1 3>&- &
  until_true 60 has_lines effects "$num"
  kill -KILL "$(master_pid run)"
}

# over: waits for what is left of the one that was killed, and takes down where it was.
over() {
  wait $! || true
  num_effects=$(wc -l <effects)
  num_recorded=$(query "SELECT count(*) FROM tasks WHERE tag = 'work' AND state = 'succeeded'")
  [ "$num_recorded" -gt 0 ]
}

# check_effects DIFFERENT TASKS: what had succeeded when the run was taken up did not run again, and all else did.
check_effects() {
  [ "$(sort -u effects | wc -l)" -eq "$1" ]
  [ "$(($(wc -l <effects) - num_effects))" -eq "$(($2 - num_recorded))" ]
}

resume() { timeout 100 "$PROGRAM" -j 2 --resume run "$@" >out2 2>err2; }

@test "a program whose master was killed goes on by --resume with the results that it had" {
  killed 60 --max-rollovers 0 sum
  over
  grep -q -- '--resume .*run -- sum' err1
  resume sum
  [ "$(cat out2)" = 1113780 ]
  check_effects 150 153
  [ "$(query "SELECT count(*) || ' ' || sum(state = 'succeeded') FROM tasks")" = '153 153' ]
  # Once more: all is known, and nothing is executed.
  local before
  before=$(wc -l <effects)
  "$PROGRAM" -j 2 --run-dir run --continue sum >out3
  [ "$(cat out3)" = 1113780 ]
  [ "$(wc -l <effects)" -eq "$before" ]
}

@test "a program's run goes on in a new MPI job by itself when its master is killed" {
  killed 60 sum
  wait $!
  grep -q 'rollover 1 of 3' err1
  [ "$(tail -n 1 out1)" = 1113780 ]
  [ "$(sort -u effects | wc -l)" -eq 150 ]
  # What was on its way, or not recorded yet, may have two marks.
  [ "$(wc -l <effects)" -le 200 ]
  [ "$(query "SELECT count(*) || ' ' || sum(state = 'succeeded') FROM tasks")" = '153 153' ]
}

@test "a program's tasks are known again in whatever order it submits them" {
  killed 60 --max-rollovers 0 follow
  over
  resume follow
  [ "$(query "SELECT count(*) || ' ' || sum(state = 'succeeded') FROM tasks")" = '150 150' ]
  check_effects 150 150
  # Another run knows nothing of it, and comes to the same.
  rm effects
  "$PROGRAM" -j 2 --run-dir other follow >out3
  [ "$(wc -l <effects)" -eq 150 ]
  cmp out2 out3
}

@test "tasks that make tasks go on where they were" {
  killed 60 --max-rollovers 0 tree
  over
  resume tree
  [ "$(cat out2)" = 1113775 ]
  check_effects 150 150
  [ "$(query "SELECT count(*) || ' ' || sum(state = 'succeeded') FROM tasks")" = '160 160' ]
}

@test "tasks with other arguments are new, and unfinished ones that are not submitted again are cancelled" {
  killed 20 --max-rollovers 0 sum
  wait $! || true
  local num_left
  num_left=$(query "SELECT count(*) FROM tasks WHERE state = 'unfinished'")
  [ "$num_left" -gt 0 ]
  timeout 100 "$PROGRAM" -j 2 --resume run value 7 >out2 2>err2 || true
  [ "$(cat out2)" = 330 ]
  grep -q "has not submitted $num_left again" err2
  [ "$(query "SELECT count(*) FROM tasks WHERE state = 'cancelled'")" = "$num_left" ]
  [ "$(query "SELECT count(*) FROM tasks WHERE state = 'unfinished'")" = 0 ]
}

@test "a failure is known again, and --resume-failed has another try" {
  touch broken
  "$PROGRAM" -j 2 --run-dir run fail 40 >out1 2>err1 || true
  [ "$(cat out1)" = '4 failed' ]
  rm broken
  resume fail 40 || true
  [ "$(cat out2)" = '4 failed' ]
  [ "$(wc -l <effects)" -eq 36 ]
  timeout 100 "$PROGRAM" -j 2 --resume-failed run fail 40 >out3 2>err3
  [ "$(cat out3)" = '0 failed' ]
  [ "$(wc -l <effects)" -eq 40 ]
}

@test "a value that was broadcast counts by its contents" {
  "$PROGRAM" -j 2 --run-dir run value 7 >out1
  [ "$(cat out1)" = 330 ]
  resume value 7
  [ "$(cat out2)" = 330 ]
  [ "$(wc -l <effects)" -eq 20 ]
  resume value 8
  [ "$(cat out2)" = 350 ]
  [ "$(wc -l <effects)" -eq 40 ]
}

@test "drover run does not take up a program's run, nor a program that of commands" {
  killed 20 --max-rollovers 0 sum
  wait $! || true
  run -125 --separate-stderr "$DROVER" run --resume run
  # shellcheck disable=SC2154  # `run` assigns it
  [[ $stderr == *'that of a program'* ]]
  yes 'sleep 0.1; echo x >>effects2' | head -n 200 >tasks.txt || true
  "$DROVER" run -j 2 --max-rollovers 0 --run-dir commands tasks.txt >out 2>err 3>&- &
  until_true 60 has_lines effects2 5
  kill -KILL "$(sed 's/^process \([0-9]*\) .*/\1/' commands/master.lock)"
  wait $! || true
  run -125 --separate-stderr "$PROGRAM" -j 2 --resume commands sum
  [[ $stderr == *'one of commands'* ]]
}
