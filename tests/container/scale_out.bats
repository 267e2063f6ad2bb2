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
    said "$worker" "has joined the run at 'master' with 3 workers"
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
  docker exec "$farm-w1" entrypoint health # to wait is what it is to do
  ! docker exec "$farm-w1" entrypoint ready || false
  start_master
  waits_for has_run w1 1
  docker exec "$farm-w1" entrypoint ready
  docker exec "$farm-master" entrypoint ready
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

# on_host NAME ROLE: as `container`, without a network of its own.
on_host() {
  docker run --detach --label "$farm" --name "$farm-$1" --network host --hostname "$1" \
    --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --volume "$PWD/keys:/run/secrets:ro" --volume "$PWD/input:/input:ro" --volume "$PWD/logs:/var/log/drover" \
    --volume "$PWD/run:/var/lib/drover" --env DROVER_MASTER=127.0.0.1 --env DROVER_SSH_PORT=$((20000 + $$ % 10000)) \
    --env DROVER_POPULATION=2 --env DROVER_HEARTBEAT=500ms --env DROVER_LEASE=3s "$image" "$2" >/dev/null
}

@test "several groups on one host, on its own network" {
  batch 300 0.1
  on_host master master
  on_host w1 worker
  on_host w2 worker
  for worker in w1 w2; do waits_for has_run "$worker" 1; done
  docker kill "$farm-w1" >/dev/null
  on_host w3 worker
  waits_for has_run w3 1
  ends master 0
  for worker in w2 w3; do ends "$worker" 0; done
  each_has_one_record 300
}
