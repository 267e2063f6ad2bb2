# shellcheck shell=bash
# Hosts on this machine (hosts.sh), for one test: `load farm`. `m` is where drover is called; all see the same files.
# shellcheck disable=SC2154 # bats sets what is not assigned here

load ../cli/lib

setup() {
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
  hosts=$BATS_TEST_TMPDIR/hosts
}

teardown() {
  [ -n "$BATS_TEST_COMPLETED" ] || tail -n 40 err run/drover.log 2>/dev/null || true
  "$BATS_TEST_DIRNAME/hosts.sh" stop "$hosts"
}

# start_hosts NAME...: beside m. Skips the test where there can be none.
start_hosts() {
  local status=0
  "$BATS_TEST_DIRNAME/hosts.sh" start "$hosts" m "$@" || status=$?
  [ "$status" != 77 ] || skip 'needs root, network namespaces and an sshd'
  return "$status"
}

add_host() { "$BATS_TEST_DIRNAME/hosts.sh" add "$hosts" "$1"; }
kill_host() { "$BATS_TEST_DIRNAME/hosts.sh" kill "$hosts" "$1"; }

# on HOST COMMAND...
on() { "$BATS_TEST_DIRNAME/hosts.sh" on "$hosts" "$@"; }

# begins OPTION of `drover run`...: a run in ./run, called on m; ends COUNT waits for it.
begins() {
  on m "$DROVER" run --run-dir run --lease 4s --heartbeat 500ms "$@" >out 2>err 3>&- &
  run=$!
}

# ends COUNT: the run ends by itself with status 0, and each of its tasks has one record and was recorded as done.
ends() {
  local status=0
  wait "$run" || status=$?
  show
  [ "$status" = 0 ]
  diff <(seq "$1") <(tail -n +2 run/joblog.tsv | cut -f 1 | sort -n)
  [ "$(query "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = "$1" ]
}

query() { sqlite3 -readonly -cmd '.timeout 5000' run/run.db "$1"; }

# has_run HOST COUNT: it has brought so many results. goes_on HOST: more of them.
has_run() { [ -r run/joblog.tsv ] && [ "$(cut -f 2 run/joblog.tsv | grep -cx "$1")" -ge "$2" ]; }
goes_on() { waits_for has_run "$1" $(($(cut -f 2 run/joblog.tsv | grep -cx "$1") + 5)); }

# num_groups SOURCE: how many have come this way.
num_groups() { query "SELECT count(*) FROM groups WHERE source = '$1'"; }

# is_alone HOST: nothing of drover's is left there.
is_alone() { ! on "$1" sh -c 'ps ax -o comm= | grep -qE "drover|mpirun|orted"'; }

# figure NAME VALUE: for the reader of the test's output.
figure() { echo "# figure: $1: $2" >&3; }
