#!/usr/bin/env bats
# docker/compose.yaml as docker-compose runs it: up, further workers to the batch that goes on, down.

load ../cli/lib

image=$DROVER_IMAGE

setup() {
  if ! command -v docker-compose >/dev/null; then skip 'docker-compose is not installed'; fi
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
  farm=drover-compose-$$
  uid=$(id -u)
  [ "$uid" != 0 ] || uid=1000
  DROVER_UID=$uid "$BATS_TEST_DIRNAME/../../docker/make-keys.sh" keys
  mkdir input
  for i in {1..600}; do echo "sleep 0.1; echo $i"; done >input/tasks.txt
  export DROVER_IMAGE=$image DROVER_KEYS=$PWD/keys DROVER_INPUT=$PWD/input
}

teardown() {
  [ -z "${farm:-}" ] || compose down --volumes --timeout 5 >/dev/null 2>&1
}

compose() {
  docker-compose --project-name "$farm" --file "$BATS_TEST_DIRNAME/../../docker/compose.yaml" "$@"
}

# num_said PATTERN: how many lines of all containers match.
num_said() { compose logs --no-color 2>&1 | grep -c -- "$1"; }

has_come() { [ "$(num_said 'has come: 2 workers')" = "$1" ]; }
has_ended() { [ "$(num_said '600 tasks: 600 succeeded')" = 1 ]; }

@test "compose starts a farm, brings a third container to its batch, and takes all of it down" {
  compose up --detach --scale worker=2 >out 2>&1 || { cat out && false; }
  waits_for has_come 2
  compose up --detach --no-recreate --scale worker=3 >out 2>&1 || { cat out && false; }
  waits_for has_come 3
  docker exec "$(compose ps --quiet master)" drover status --run /var/lib/drover/run >out
  [ "$(grep -cE '^ +[0-2] +running +join +2/2 ' out)" = 3 ]
  waits_for has_ended
  docker run --rm --volumes-from "$(compose ps --quiet master)" --entrypoint cat "$DROVER_IMAGE" \
    /var/lib/drover/run/outputs/stdout | sort -n | diff <(seq 600) -
  compose down --volumes --timeout 5 >out 2>&1 || { cat out && false; }
  [ -z "$(docker ps --all --quiet --filter "label=com.docker.compose.project=$farm")" ]
  [ -z "$(docker network ls --quiet --filter "label=com.docker.compose.project=$farm")" ]
}
