#!/usr/bin/env bats
# What functions of a program print is their task's output, as a command's is. PROGRAM is printing_program.

bats_require_minimum_version 1.5.0

load ../cli/killing
load ../cli/lib

run_program() { capture timeout 100 "$PROGRAM" --run-dir run "$@"; }

# output_of TASK [OPTION...]: what the run has kept of it.
output_of() { "$PROGRAM" --drover output --run run "$@"; }

# check_all TASKS: each has printed, once, and the session too.
check_all() {
  local i
  for ((i = 0; i < $1; ++i)); do
    [ "$(grep -cx "C $i" out)" -eq 1 ]
    [ "$(grep -cx "C++ $i" out)" -eq 1 ]
    [ "$(grep -cx "error $i" err)" -eq 1 ]
    [ "$(grep -cx "last error $i" err)" -eq 1 ]
  done
  grep -qx 'child 7' out
  grep -qx 'a worker starts' out
  [ "$(grep -cx 'the session ends' out)" -eq 1 ]
}

@test "what functions print is shown, in whatever way they print it, and kept with their task" {
  for isolation in thread process; do
    run_program -j 2 --isolation "$isolation" 4
    [ "$status" -eq 0 ]
    check_all 4
    output_of 2 | grep -x 'C 1'
    output_of 2 | grep -x 'C++ 1'
    output_of 5 | grep -x 'child 7'
    rm -r run
  done
}

@test "functions at once in one process have each what it prints" {
  run_program -j 1 --slots 8 --keep-order 40 20
  [ "$status" -eq 0 ]
  local i
  for i in 1 17 40; do
    [ "$(output_of "$i" | grep -vx 'a worker starts' | LC_ALL=C sort | uniq -c | awk '{print $1, $2, $3}')" = "20 C $((i - 1))
20 C++ $((i - 1))" ]
  done
  [ "$(grep -c '^C ' out)" -eq 800 ]
  [ "$(grep -cx 'child 7' out)" -eq 1 ]
}

@test "outputs of functions are shown as those of commands: in order, with tags, not at all" {
  run_program -j 3 --keep-order --tag 30
  [ "$status" -eq 0 ]
  [ "$(grep -o '	C [0-9]*' out | cut -d' ' -f2)" = "$(seq 0 29)" ]
  grep -qx 'talk 12	C 12' out
  rm -r run
  run_program -j 1 --quiet 3
  [ "$(cat out)" = 'the session ends' ]
  [ "$(cat err)" = '' ]
  output_of 3 | grep -x 'C 2'
}

@test "under an mpirun of one's own it is the same" {
  capture timeout 100 mpirun --enable-recovery -n 2 --map-by :OVERSUBSCRIBE "$PROGRAM" --run-dir run 3
  [ "$status" -eq 0 ]
  check_all 3
  output_of 3 | grep -x 'C 2'
}

@test "functions that print more than anybody reads wait for who reads, and nothing is lost" {
  for isolation in thread process; do
    timeout 200 "$PROGRAM" -j 2 --run-dir run --isolation "$isolation" 2 40000 2>/dev/null 3>&- |
      (until_true 60 test -e run/joblog.tsv && sleep 1 && grep -c '^C') >count
    [ "$(cat count)" -eq 160000 ]
    rm -r run
  done
}

@test "what a function printed before it crashed in its process is kept" {
  DIES=1 run_program -j 1 --isolation process 1
  [ "$status" -eq 1 ]
  grep -qx 'the session ends' out
  output_of 3 | grep -x 'dies 8'
}
