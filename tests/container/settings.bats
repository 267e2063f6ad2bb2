#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# One configuration for both roles; what is wrong or missing in it is named at the start.

load farm

# refused NAME WORDS: the container ended at once and said so.
refused() {
  ends "$1" 125
  said "$1" "$2"
}

@test "wrong and missing settings are named at the start" {
  container no-master --env DROVER_MASTER= -- worker
  container no-number --env DROVER_POPULATION=many -- worker
  container no-level --env DROVER_LOG_LEVEL=loud -- worker
  container no-lease --env DROVER_LEASE=long -- master
  container no-tasks --env DROVER_TASKS=/input/none.txt -- master
  container no-port --env DROVER_SSH_PORT=ssh -- worker
  container great-port --env DROVER_SSH_PORT=70000 -- master
  container no-grace --env DROVER_STOP_GRACE=soon -- host
  mkdir -m 0755 empty
  secrets=$PWD/empty container no-key -- worker
  refused no-master 'DROVER_MASTER is not set'
  refused no-number 'DROVER_POPULATION: '
  refused no-level "DROVER_LOG_LEVEL: --log-level: 'loud' is not info, warn or error"
  refused no-lease 'DROVER_LEASE: --lease'
  refused no-tasks 'DROVER_TASKS=/input/none.txt is not there'
  refused no-port "DROVER_SSH_PORT: 'ssh' is not a port"
  refused great-port "DROVER_SSH_PORT: '70000' is not a port"
  refused no-grace "DROVER_STOP_GRACE: 'soon' is not a number of seconds"
  refused no-key '/run/secrets/drover_key is missing'
}

@test "a user whom ssh would refuse is told so at the start, and nothing is tried in vain" {
  DROVER_UID=12345 "$docker_dir/make-keys.sh" theirs
  for role in worker master host; do
    secrets=$PWD/theirs container "$role" --user 12345 --env DROVER_REJOIN=true -- "$role"
    refused "$role" "runs as user 12345, and only as user drover ($uid)"
    said "$role" '--build-arg UID=12345'
  done
}

@test "one mounted file for both roles, and the environment before it" {
  batch 20 0.1
  cat >settings <<'EOF'
# for master and workers
DROVER_TASKS=/input/tasks.txt
DROVER_POPULATION=1
DROVER_SLOTS=2
DROVER_LOG_LEVEL=warn

DROVER_LAESE=1s
EOF
  sed -i $'1s/^/\xef\xbb\xbf/; s/$/\r/' settings # as an editor on another system may leave it
  mount=(--volume "$PWD/settings:/etc/drover/drover.env:ro")
  start_master "${mount[@]}"
  start_worker w1 "${mount[@]}" --env DROVER_POPULATION=2
  ends master 0
  ends w1 0
  said w1 "has joined the run at 'master' with 2 workers"
  [ "$(query 'SELECT count(*) FROM workers WHERE slots = 2')" = 2 ]
  for role in master w1; do said "$role" 'DROVER_LAESE is set, and is no setting: misspelt?'; done
  echo 'DROVER_SLOTS: 2' >settings
  container wrong "${mount[@]}" -- worker
  refused wrong '/etc/drover/drover.env:1: not DROVER_NAME=VALUE: DROVER_SLOTS: 2'
}
