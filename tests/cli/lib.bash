# shellcheck shell=bash
# Common to the tests of the command line: `load lib`. DROVER is the program under test. Every test has
# an empty directory of its own; what a program printed is in the files out and err, its exit status in
# $status.

# Tests of users' settings must not see those of whoever runs the tests.
clean_environment() {
  local variable
  for variable in $(compgen -v DROVER_); do unset "$variable"; done
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

setup() {
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
}

# No test may leave a process behind: each has its directory as working directory.
teardown() {
  local link
  for link in /proc/[0-9]*/cwd; do
    if [ "$(readlink "$link")" = "$BATS_TEST_TMPDIR" ]; then
      local pid=${link#/proc/}
      pid=${pid%/cwd}
      [ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] || kill -9 "$pid" 2>/dev/null || true
    fi
  done
}

# mpirun as a user would call it, for a master and two workers.
by_mpirun() {
  mpirun -n 3 --map-by :OVERSUBSCRIBE --bind-to none "$@"
}

# capture COMMAND...: see above.
capture() {
  status=0
  "$@" >out 2>err 3>&- || status=$?
}

# drover ARGUMENT...
drover() {
  capture "$DROVER" "$@"
}

# The way a run is started: tests that say `for start in "${starts[@]}"` hold for both.
# shellcheck disable=SC2034 # the tests use it
starts=(locally under_mpirun)
locally() {
  case " $* " in
    *' -j '*) "$DROVER" run "$@" ;;
    *) "$DROVER" run -j 2 "$@" ;;
  esac
}
under_mpirun() { by_mpirun "$DROVER" run "$@"; }

# show: for the reader of a failure.
show() {
  echo "status: $status"
  echo "out:" && head -c 4000 out
  echo "err:" && head -c 4000 err
}

# prints TEXT...: standard output is exactly these lines, and the status 0.
prints() {
  show
  [ "$status" -eq 0 ]
  diff <(printf '%s\n' "$@") out
}

# exits STATUS
exits() {
  show
  [ "$status" -eq "$1" ]
}

# says WORDS...: standard error has each of these.
says() {
  local words
  for words in "$@"; do
    echo "looking for: $words"
    grep -qF -- "$words" err
  done
}

# is_refused WORDS...: exit status 125 and one line that has these words; nothing was run or left behind.
is_refused() {
  exits 125
  [ "$(grep -c '^drover: ' err)" -eq 1 ]
  [ ! -s out ]
  [ ! -e drover-runs ]
  says "$@"
}

# waits_for CONDITION...: until the command succeeds; fails after a minute.
waits_for() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    if ((SECONDS > deadline)); then
      echo "waited in vain for: $*"
      return 1
    fi
    sleep 0.02
  done
}

# has_event NAME [MORE]: the run in the directory `run` has recorded such an event.
has_event() {
  grep "\"event\":\"$1\"" run/events.jsonl 2>/dev/null | grep -q -- "${2:-}"
}

# no_process PATTERN: none is left whose command line has this.
no_process() {
  ! pgrep -f -- "$1" >/dev/null
}

# lacks GREP_ARGUMENT...: grep finds nothing. (A `!` in the middle of a test would not fail it.)
lacks() {
  ! grep "$@"
}
