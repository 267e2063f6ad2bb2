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

# others_mpirun FIRST_LINE: another mpirun is first in PATH, which says this of its version.
others_mpirun() {
  mkdir -p other
  printf '#!/bin/sh\nprintf "%%s\\n" "%s"\n' "$1" >other/mpirun
  chmod +x other/mpirun
}

@test "without Open MPI's mpirun in PATH, that is what is said" {
  mkdir empty
  PATH=$PWD/empty capture /usr/bin/timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q 'there is no mpirun in PATH: load Open MPI' err
  others_mpirun 'HYDRA build details:'
  PATH=$PWD/other:$PATH capture timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q "other/mpirun' is not Open MPI's, but says 'HYDRA build details:': load Open MPI" err
  others_mpirun 'mpirun (Open MPI) 1.10.7'
  PATH=$PWD/other:$PATH capture timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q "other/mpirun' is that of Open MPI 1.10.7: load Open MPI" err
}
