#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# The master's container dies and is started again on the same volume.

load farm

@test "a killed master goes on where it was, and workers join it again if they are to" {
  batch 1000 0.1
  start_master
  start_worker w1 --env DROVER_REJOIN=true
  start_worker w2 --env DROVER_REJOIN=true
  start_worker w3 --env DROVER_REJOIN=false
  for worker in w1 w2 w3; do waits_for has_run "$worker" 10; done
  docker kill "$farm-master" >/dev/null
  ends w3 125
  said w3 'the master is gone'
  waits_for said w1 "waiting for a master at 'master'"

  docker start "$farm-master" >/dev/null
  for worker in w1 w2; do
    said "$worker" 'the master is gone'
    waits_for rejoined "$worker"
  done
  ends master 0
  ends w1 0
  ends w2 0
  each_has_one_record 1000
}

rejoined() { [ "$(num_said "$1" 'has joined the run at')" = 2 ]; }

@test "the master is stopped with work left, and goes on when it is started again" {
  batch 200 0.1
  start_master
  start_worker w1
  start_worker w2 --env DROVER_REJOIN=true
  waits_for has_run w1 10
  waits_for has_run w2 10
  docker stop "$farm-master" >/dev/null
  ends master 143
  ends w1 0
  said w1 'the run has stopped with work left, and the group has left'
  waits_for said w2 'the run has stopped with work left: waiting for a master that goes on with it'
  waits_for said w2 "waiting for a master at 'master'"
  docker start "$farm-master" >/dev/null
  waits_for rejoined w2
  ends master 0
  ends w2 0
  each_has_one_record 200
  # What it was stopped in was ended, and repeated.
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome NOT IN ('exited', 'killed')")" = 0 ]

  # Started once more it has nothing to do, and says so to a worker that comes now.
  docker start "$farm-master" >/dev/null
  start_worker late --env DROVER_REJOIN=true
  ends late 0
  said late 'the run is over'
  ends master 0
}
