# shellcheck shell=bash
# Common to the tests that kill runs and take them up again: `load killing`. Every test has an empty directory
# of its own.

setup() {
  cd "$BATS_TEST_TMPDIR" || return 1
  unset DROVER_RUN_DIR
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

teardown() {
  # shellcheck disable=SC2046  # several numbers
  kill -KILL $(jobs -p) 2>/dev/null || true
}

# until_true DEADLINE_S COMMAND...
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || { echo "not in time: $*" >&2; return 1; }
    sleep 0.05
  done
}

# has_lines FILE NUM
has_lines() { [ "$(wc -l 2>/dev/null <"$1" || echo 0)" -ge "$2" ]; }

# master_pid RUN_DIR
master_pid() { sed 's/^process \([0-9]*\) .*/\1/' "$1/master.lock"; }
