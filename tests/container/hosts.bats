#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# A master that starts its workers by ssh in containers that were named to it.

load farm

# Open MPI 4.1 does not always lose the job with a host: its mpirun is killed as well.
kill_mpirun() {
  docker exec "$farm-master" bash -c 'for process in /proc/[0-9]*; do
    if grep -qsz "^mpirun$" "$process/cmdline"; then kill -KILL "${process#/proc/}"; fi
  done'
}

# start_host NAME
start_host() { container "$1" -- host; }

@test "hosts that do not answer are left out, at the start and after one was killed under load" {
  batch 600 0.1
  for host in n1 n2 n3; do start_host "$host"; done
  start_master --env DROVER_HOSTS=n1:3,n2:3,n3:2,n4:3
  for host in n1 n2 n3; do waits_for has_run "$host" 10; done
  docker kill "$farm-n1" >/dev/null
  kill_mpirun
  waits_for said master 'rollover 1 of 3'
  goes_on n2
  goes_on n3
  ends master 0
  each_has_one_record 600
  [ "$(num_said master 'host n4 d.*: going on without it')" -ge 2 ]
  [ "$(num_said master 'host n1 d.*: going on without it')" -ge 1 ]
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
