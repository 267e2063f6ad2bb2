#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# A master that starts its workers by ssh in containers that were named to it.

load farm

# start_host NAME
start_host() { container "$1" -- host; }

@test "a host that does not answer is left out; each is lost in turn under load, and another takes its place" {
  batch 900 0.1
  for host in n1 n2 n3; do start_host "$host"; done
  start_master --env DROVER_HOSTS=n1:3,n2:3,n3:2,n4:3
  for host in n1 n2 n3; do waits_for has_run "$host" 10; done
  is_left_out() { [ "$(num_said master 'host n4 d.*: going on without it')" = 1 ]; }
  waits_for is_left_out
  for number in 1 2 3; do
    docker kill "$farm-n$number" >/dev/null
    start_host "new$number"
    waits_for docker exec "$farm-new$number" entrypoint ready
    docker exec "$farm-master" drover scale add --hosts "new$number:2"
    waits_for has_run "new$number" 5
  done
  ends master 0
  each_has_one_record 900
  [ "$(num_said master rollover)" = 0 ]
  [ "$(query "SELECT count(*) FROM groups WHERE how = 'lost'")" = 3 ]
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited' AND host NOT IN ('n1', 'n2', 'n3')")" = 0 ]
}

@test "without one host that answers there is no run" {
  batch 10 0.1
  start_host n1
  mkdir -m 0755 strange
  DROVER_UID=$uid "$docker_dir/make-keys.sh" other
  cp -p other/drover_host_key keys/drover_authorized_keys strange
  secrets=$PWD/strange start_master --env DROVER_HOSTS=n1:3
  ends master 125
  said master 'none of the hosts can be used: host n1 refuses the login'
}
