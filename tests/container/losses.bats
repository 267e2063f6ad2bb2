#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# Containers die, are cut off, freeze and are stopped while a batch runs: it is a repeated task at most.

load farm

has_joined_again() { [ "$(num_said master "has come: 3 workers on $1")" -ge 2 ]; }

@test "5,000 tasks outlive a killed, a disconnected, a paused and a stopped container" {
  batch 5000 0.1
  start_master
  for worker in w1 w2 w3 w4; do
    start_worker "$worker" --env DROVER_REJOIN=true
    waits_for has_run "$worker" 1
  done
  docker kill "$farm-w1" >/dev/null
  docker network disconnect "$farm" "$farm-w2"
  waits_for docker pause "$farm-w3" >/dev/null # a busy machine may not freeze all of it at the first try
  goes_on w4
  for group in 0 1 2; do waits_for said master "group $group is lost"; done
  goes_on w4

  docker network connect --alias w2 "$farm" "$farm-w2"
  docker unpause "$farm-w3" >/dev/null
  waits_for has_joined_again w2
  waits_for has_joined_again w3
  docker stop "$farm-w4" >/dev/null
  ends w4 0
  goes_on w2
  goes_on w3
  start_worker w5
  waits_for has_run w5 10

  ends master 0
  each_has_one_record 5000
  # What was in flight in the killed container was repeated; nothing else was ever charged.
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome = 'lost' AND host = 'w1'")" -ge 1 ]
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome = 'lost' AND host IN ('w4', 'w5')")" = 0 ]
  ends w2 0
  ends w3 0
  ends w5 0
}
