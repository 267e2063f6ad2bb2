#!/usr/bin/env bats
# What becomes of a program of the library that has a fault of its own. PROGRAM is broken_program.

bats_require_minimum_version 1.5.0

load ../cli/lib

# ends_with TEXT MISTAKE: the program's end is its own, said in a line, and not gone on with.
ends_with() {
  capture timeout 100 "$PROGRAM" -j 1 "$2"
  [ "$status" -eq 125 ]
  [ "$(cat err)" = "drover: the session has thrown: $1" ]
  grep -qx 'by C' out
  grep -qx 'by C++' out
}

@test "whatever a session throws is its end, and said" {
  ends_with 'an exception of type int' throw-number
  ends_with 'some words' throw-words
  ends_with 'my own failure' throw-exception
  ends_with 'in an action' throw-then
}

@test "a future that has no task, or no future at all, is told as a mistake" {
  local nothing='this future has no task: it was made by default or moved from, and never assigned what submit() gives'
  ends_with "$nothing" get-nothing
  ends_with "$nothing" ask-nothing
  ends_with "$nothing" after-nothing
  ends_with 'wait_any() was given no future to wait for' wait-for-none
}

@test "what a program prints is not lost when MPI does not let go, nor what it does after its run" {
  SLOW_FINALIZE=1 capture timeout 100 "$PROGRAM" -j 1 none
  [ "$status" -eq 0 ]
  [ "$(cat out)" = "$(printf '%s\n' 'by C' 'by C++' 'after the run')" ]
}

@test "it is not lost either when a worker was" {
  capture timeout 100 "$PROGRAM" -j 2 lose-a-worker
  [ "$status" -eq 0 ]
  [ "$(tail -n 1 out)" = 'after the run' ]
}
