#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC2016,SC2034,SC2154
# How a run starts its ranks: whatever the words, the environment and the state of the machine.

load lib

@test "no word of a call is one of mpirun's" {
  drover run -j 1 -k 'echo got {}' ::: x : touch made -n 3 -- '' --mca
  prints 'got x' 'got :' 'got touch' 'got made' 'got -n' 'got 3' 'got --' 'got ' 'got --mca'
  [ ! -e made ]
  capture timeout 60 "$DROVER" run -j 1 : ::: a
  exits 0
}

@test "as many words as the system takes for one program" {
  # Open MPI alone would not start more than 128 kB of them.
  local long
  long=$(printf '%090000d' 7)
  drover run -j 1 -k 'echo {}' ::: "$long" "$long" "$long"
  prints "$long" "$long" "$long"
}

@test "functions that bash exports, and variables with names that a shell cannot have, reach commands" {
  greet() { echo "hello $1"; }
  export -f greet
  capture env 'with.dot=a b' "$DROVER" run -j 1 --shell /bin/bash 'greet {}; env | grep ^with' ::: you
  prints 'hello you' 'with.dot=a b'
}
