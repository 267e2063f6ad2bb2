#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# Containers of workers come to a running batch, and go.

load farm

# first_task NAME: when the container's first task was started, in seconds of the epoch.
first_task() { query "SELECT min(started_at) FROM attempts WHERE host = '$1'"; }

# started NAME
started() { date --date "$(docker inspect --format '{{.State.StartedAt}}' "$farm-$1")" +%s.%N; }

# since FROM TO: in seconds.
since() { awk -v from="$1" -v to="$2" 'BEGIN { printf "%.1f s\n", to - from }'; }

@test "a third container joins two under load, and no task is lost" {
  batch 1000 0.1
  start_master
  start_worker w1
  start_worker w2
  waits_for has_run w1 1
  waits_for has_run w2 1
  start_worker w3
  waits_for has_run w3 10
  ends master 0
  ends w1 0
  ends w2 0
  ends w3 0
  each_has_one_record 1000
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited'")" = 0 ]
  for worker in w1 w2 w3; do
    said master "has come: 3 workers on $worker"
    said "$worker" 'has joined run run with 3 workers'
    said "$worker" 'the group has left'
  done
  # What docker shows is in the files of the log volume, a line an event with its time.
  diff <(docker logs "$farm-master" 2>&1) logs/master-master.log
  diff <(docker logs "$farm-w3" 2>&1) logs/worker-w3.log
  lacks -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4} (master|worker): .' logs/*.log -h
  figure 'start to first task' "$(since "$(started master)" "$(first_task w1)")"
  figure 'join to first task' "$(since "$(started w3)" "$(first_task w3)")"
}

@test "a worker container that is stopped finishes what it runs" {
  batch 60 0.5
  start_worker w1 # before its master
  waits_for said w1 "waiting for a master at 'master'"
  start_master
  waits_for has_run w1 1
  start_worker w2
  waits_for has_run w2 1
  docker stop "$farm-w1" >/dev/null
  ends w1 0
  said w1 'leaving once what runs has ended'
  said master 'group 0 has left'
  ends master 0
  each_has_one_record 60
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited'")" = 0 ]
}
