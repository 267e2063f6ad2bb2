#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# What cannot be done is said in one clear line, with exit status 125, and nothing is left behind.

load lib

@test "subcommands" {
  drover && is_refused 'no subcommand' 'expected one of run, config'
  drover tasks.txt && is_refused "unknown subcommand 'tasks.txt'" 'drover run tasks.txt'
  drover --bogus && is_refused "unknown option '--bogus'"
}

@test "options" {
  echo true >tasks.txt
  drover run --bogus tasks.txt && is_refused --bogus 'drover run --help'
  drover run --slots 0 tasks.txt && is_refused --slots "'0' is not a number from 1 to 4096"
  drover run -j x tasks.txt && is_refused --workers "'x' is not a number"
  drover run --retries 1.5 tasks.txt && is_refused --retries "'1.5' is not a number"
  drover run --timeout 5x tasks.txt && is_refused --timeout "'5x' is not a duration"
  drover run --halt never,fail=1 tasks.txt && is_refused --halt 'is not a halt policy'
  drover run --halt now,fail=101% tasks.txt && is_refused --halt 'is not a halt policy'
  drover run --output-files some tasks.txt && is_refused --output-files 'combined or per-task'
  drover run --heartbeat 5s --lease 6s tasks.txt && is_refused --lease --heartbeat
  drover run --json --line-buffer tasks.txt && is_refused --json --line-buffer
  drover run --env =x tasks.txt && is_refused --env
  drover run --slots && is_refused --slots
}

@test "task files" {
  mkdir directory
  drover run no-such.txt && is_refused "'no-such.txt' is neither a file here nor a command"
  drover run directory && is_refused "'directory' is a directory"
  drover run --colsep , <(echo true) && is_refused --colsep
  echo true >a.txt
  echo true >b.txt
  drover run a.txt b.txt && is_refused 'one task file at a time' 'cat a.txt b.txt | drover run -'
  drover run a.txt --quiet && is_refused "'a.txt' is no command" 'drover run --quiet a.txt'
  drover run && is_refused 'nothing to run'
}

@test "a file that may not be read" {
  [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "root may read everything, and setpriv is not installed"
  echo true >secret.txt
  chmod 000 secret.txt
  if [ "$(id -u)" -eq 0 ]; then
    chmod 755 "$BATS_TEST_TMPDIR"
    local parent=$BATS_TEST_TMPDIR
    while parent=$(dirname "$parent"); [ "$parent" != / ]; do
      [ -x "$parent" ] && setpriv --reuid nobody --clear-groups test -x "$parent" || skip "nobody may not go to $parent"
    done
    setpriv --reuid nobody --clear-groups test -x "$DROVER" || skip "nobody may not run $DROVER"
    capture setpriv --reuid nobody --clear-groups "$DROVER" run --dry-run secret.txt
  else
    drover run --dry-run secret.txt
  fi
  is_refused "cannot read 'secret.txt'" 'Permission denied'
}

@test "a program is executed for each line, unless its interpreter is drover" {
  printf '#!/bin/sh\necho "ran with $1"\n' >script.sh
  chmod +x script.sh
  capture locally -k ./script.sh < <(printf 'a\nb\n')
  prints 'ran with a' 'ran with b'
  printf '#!%s run\necho ran as a task file\n' "$DROVER" >./batch
  chmod +x batch
  capture ./batch
  prints 'ran as a task file'
}

@test "templates and arguments" {
  drover run 'echo {3}' ::: a ::: b && is_refused "'echo {3}' refers to argument 3" '2 sources'
  drover run 'echo {-2}' ::: a && is_refused 'refers to argument 2' 'one source'
  drover run '' ::: a && is_refused 'the command template is empty'
  drover run 'echo {}' :::: && is_refused "no file after '::::'"
  drover run 'echo {}' :::: ::: a && is_refused "no file after '::::'"
  drover run 'echo {}' :::: no-such.txt && is_refused "cannot read 'no-such.txt'" 'No such file'
  drover run 'echo {} {}' :::: - - </dev/null && is_refused "standard input ('-') can be one source"
  drover run --colsep '(' 'echo {}' ::: a && is_refused --colsep 'is not a regular expression'
}

@test "the same under mpirun: one line, from one rank" {
  capture under_mpirun 'echo {3}' ::: a
  exits 125
  [ "$(grep -c '^drover: ' err)" -eq 1 ]
  says 'refers to argument 3'
  capture under_mpirun --bogus
  exits 125
  [ "$(grep -c '^drover: ' err)" -eq 1 ]
  capture under_mpirun --shell /no/such/shell 'echo {}' ::: a
  exits 125
  [ "$(grep -c '/no/such/shell' err)" -eq 1 ]
}

@test "an mpirun without workers" {
  capture mpirun -n 1 --bind-to none "$DROVER" run 'echo {}' ::: a
  exits 125
  says 'one rank, which is the master, and no workers' 'mpirun -n 5 drover run'
}

@test "shell, directory, variable that are not there" {
  drover run -j 1 --shell /no/such/shell 'echo {}' ::: a && is_refused "--shell '/no/such/shell'" 'No such file'
  drover run -j 1 --shell no-such-shell 'echo {}' ::: a && is_refused "--shell 'no-such-shell' was not found in PATH"
  drover run -j 1 --workdir /no/such/dir 'echo {}' ::: a && is_refused "--workdir '/no/such/dir' is not a directory"
  drover run -j 1 --run-dir /proc/drover 'echo {}' ::: a && is_refused /proc/drover
  drover run -j 1 --env NO_SUCH_VARIABLE 'echo {}' ::: a
  exits 125
  says '--env NO_SUCH_VARIABLE'
}

@test "a terminal as input is not waited for" {
  command -v script >/dev/null || skip "script is not installed"
  status=0
  timeout 60 script -qec "$DROVER run 'echo {}'" /dev/null >out </dev/null || status=$?
  [ "$status" -eq 125 ]
  grep -q 'standard input is a terminal' out
  status=0
  timeout 60 script -qec "$DROVER run -" /dev/null >out </dev/null || status=$?
  [ "$status" -eq 125 ]
}

@test "options that have no effect are pointed out" {
  capture under_mpirun -j 8 'echo {}' ::: a
  prints a
  says '--workers 8 has no effect here: the launcher started 2'
}

@test "a start that survives no death says so, and a protected one does not" {
  capture under_mpirun 'echo {}' ::: a
  says 'this MPI start survives no death'
  capture locally 'echo {}' ::: a
  lacks -q survives err
}

@test "where nothing can be written, nothing is begun" {
  mkdir fixed
  mount -t tmpfs -o ro none fixed 2>/dev/null || skip "a read-only file system cannot be mounted here"
  for start in "${starts[@]}"; do
    capture "$start" --run-dir fixed/run 'touch begun # {}' ::: a
    { exits 125 && says "cannot create directory '$PWD/fixed/run'" 'choose a place that can be written'; } || { umount fixed; return 1; }
  done
  umount fixed
  [ ! -e begun ]
}

@test "a full disk under the run directory stops the run with what is to be done" {
  mkdir small
  mount -t tmpfs -o size=2m none small 2>/dev/null || skip "a small file system cannot be mounted here"
  for start in "${starts[@]}"; do
    rm -rf small/*
    capture timeout 60 "$BASH" -c "$(declare -f by_mpirun "$start"); $start --run-dir small/run 'head -c 300000 /dev/zero # {}' ::: \$(seq 40)"
    umount_later=$status
    [ "$umount_later" -eq 125 ] || { umount small; show; false; }
    says 'cannot write' 'make room there'  # the system's words, or SQLite's, whoever wrote first
    lacks -q 'LOG ERROR' err
  done
  umount small
}
