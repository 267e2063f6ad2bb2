#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# The image of Debian 13, whose MPI lets no group join: the master starts the ranks in the worker containers, in a new
# MPI job whenever one of them comes, leaves or is lost.

load farm

# num_joins NAME: how often its workers have taken part in an MPI job.
num_joins() { num_said "$1" "has joined the run at 'master' with 3 workers"; }

# is_missed NAME: its loss has been said: by the master, or, where that ended with the same MPI job, by what follows it.
is_missed() { said master "$1 is lost" || [ "$(num_said master "host $1 .*: going on without it")" -gt 0 ]; }

# joins_again NAME NUM: more often than that.
joins_again() { [ "$(num_joins "$1")" -gt "$2" ]; }

@test "5,000 tasks outlive a killed, a disconnected, a paused and a stopped container" {
  batch 5000 0.1
  start_master
  for worker in w1 w2 w3 w4; do start_worker "$worker"; done
  for worker in w1 w2 w3 w4; do waits_for has_run "$worker" 10; done
  docker kill "$farm-w1" >/dev/null
  waits_for is_missed w1
  for worker in w2 w3 w4; do goes_on "$worker"; done

  docker network disconnect "$farm" "$farm-w2"
  waits_for docker pause "$farm-w3" >/dev/null # a busy machine may not freeze all of it at the first try
  for worker in w2 w3; do waits_for is_missed "$worker"; done
  goes_on w4
  num_before=$(num_joins w2)
  docker network connect --alias w2 "$farm" "$farm-w2"
  docker unpause "$farm-w3" >/dev/null
  waits_for joins_again w2 "$num_before"
  for worker in w2 w3; do goes_on "$worker"; done

  docker stop "$farm-w4" >/dev/null
  ends w4 0
  said master 'leaving: w4'
  start_worker w5
  for worker in w2 w3 w5; do goes_on "$worker"; done
  ends master 0
  each_has_one_record 5000
  for worker in w2 w3 w5; do ends "$worker" 0; done
}

@test "a killed master goes on where it was, and workers come to it again" {
  batch 600 0.1
  start_master
  start_worker w1 --env DROVER_REJOIN=true
  waits_for has_run w1 10
  waits_for joins_again w1 0 # its workers may be faster than the word that they are there
  num_before=$(num_joins w1)
  docker kill "$farm-master" >/dev/null
  waits_for said w1 "waiting for a master at 'master'"
  docker start "$farm-master" >/dev/null
  waits_for joins_again w1 "$num_before"
  ends master 0
  ends w1 0
  each_has_one_record 600
}

@test "a host that the master cannot reach is told so" {
  batch 10 0.1
  start_master
  container w1 --entrypoint drover --env DROVER_RELAY_AGENT='ssh -F /etc/drover/ssh_config -p 2222' -- \
    worker --join master --patience 1m # without the entry point there is no sshd
  ends w1 125
  said w1 'the master would start workers there by ssh, but host w1 does not answer: ssh: connect to host w1 port 2222'
  lacks -q 'taking in' logs/master-master.log
}
