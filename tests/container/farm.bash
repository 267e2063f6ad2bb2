# shellcheck shell=bash
# A farm of containers on an internal network of its own, for one test: `load farm`. Its run directory and
# its logs are ./run/run and ./logs. What a test may wait for has a deadline in `waits_for`.
# shellcheck disable=SC2154 # bats sets what is not assigned here

load ../cli/lib

image=$DROVER_IMAGE
docker_dir=$BATS_TEST_DIRNAME/../../docker

setup() {
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
  farm=drover-test-$$-$BATS_TEST_NUMBER
  docker network create --internal "$farm" >/dev/null
  uid=$(id -u)
  [ "$uid" != 0 ] || uid=1000
  DROVER_UID=$uid "$docker_dir/make-keys.sh" keys
  mkdir -m 0777 input run logs # by the image's user
}

# A failed test shows what the containers said.
teardown() {
  local container
  for container in $(docker ps --all --quiet --filter "label=$farm"); do
    [ -n "$BATS_TEST_COMPLETED" ] || said_in_the_end "$container"
    docker rm --force --volumes "$container" >/dev/null
  done
  docker network rm "$farm" >/dev/null
}

said_in_the_end() {
  docker inspect --format '--- {{.Name}}: {{.State.Status}}, exit status {{.State.ExitCode}}' "$1"
  docker logs --tail 30 "$1" 2>&1
}

# container NAME [OPTION of docker run...] -- ARGUMENT...: one of the farm, in the background; its keys are
# those in $secrets.
container() {
  local name=$1
  local -a options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  docker run --detach --label "$farm" --name "$farm-$name" --hostname "$name" --network "$farm" --network-alias "$name" \
    --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --volume "${secrets:-$PWD/keys}:/run/secrets:ro" --volume "$PWD/input:/input:ro" --volume "$PWD/logs:/var/log/drover" \
    --env DROVER_MASTER=master --env DROVER_POPULATION=3 --env DROVER_HEARTBEAT=500ms --env DROVER_LEASE=3s \
    "${options[@]}" "$image" "$@" >/dev/null
}

# start_master [OPTION of docker run...]
start_master() { container master --volume "$PWD/run:/var/lib/drover" "$@" -- master; }

# start_worker NAME [OPTION of docker run...]
start_worker() { container "$@" -- worker; }

# batch COUNT SECONDS: so many tasks that take so long, each with its number as output.
batch() {
  local i
  for ((i = 1; i <= $1; ++i)); do echo "sleep $2; echo $i"; done >input/tasks.txt
}

# said NAME WORDS: a line of the container's log has these.
said() { docker logs "$farm-$1" 2>&1 | grep -qF -- "$2"; }

# num_said NAME PATTERN: how many match; none is an answer, and no failure.
num_said() { docker logs "$farm-$1" 2>&1 | grep -c -- "$2" || true; }

# has_run NAME COUNT: the worker container has brought so many results.
has_run() {
  [ -r run/run/joblog.tsv ] && [ "$(cut -f 2 run/run/joblog.tsv | grep -cx "$1")" -ge "$2" ]
}

# goes_on NAME: it brings more of them.
goes_on() {
  waits_for has_run "$1" $(($(cut -f 2 run/run/joblog.tsv | grep -cx "$1") + 10))
}

# ends NAME STATUS: by itself, with this exit status.
ends() {
  local got
  got=$(timeout 150 docker wait "$farm-$1")
  echo "$1 ended with status $got, expected $2"
  [ "$got" = "$2" ]
}

# each_has_one_record COUNT: every task of the batch has succeeded once, and its output was kept once.
each_has_one_record() {
  diff <(seq "$1") <(tail -n +2 run/run/joblog.tsv | cut -f 1 | sort -n)
  diff <(seq "$1") <(sort -n run/run/outputs/stdout)
  [ "$(query "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = "$1" ]
}

# query SQL: of the run that has ended.
query() { sqlite3 -readonly run/run/run.db "$1"; }

# figure NAME VALUE: for the reader of the test's output.
figure() { echo "# figure: $1: $2" >&3; }
