#!/usr/bin/env bats
# What another user has put where drover looks, and who may read what drover leaves. DROVER is the program under test.

bats_require_minimum_version 1.5.0

load lib

# As root, who alone can make things of another user's.
needs_another_user() {
  [ "$(id -u)" -eq 0 ] || skip 'only root can act for another user'
}

# as_another COMMAND...: captures it like `drover` does. Nobody has a home, and Open MPI wants a place for its files.
as_another() {
  capture setpriv --reuid=65534 --regid=65534 --clear-groups env TMPDIR="$BATS_TEST_TMPDIR/theirs" "$@"
}

theirs() {
  chmod 755 "$BATS_TEST_TMPDIR"
  mkdir -p theirs
  chown 65534:65534 theirs
}

@test "the directory of a run, and what is in it, is its user's alone, whatever the umask" {
  umask 022
  drover run -j 1 --run-dir run --env TOKEN=secret 'echo {}' ::: a
  exits 0
  [ "$(stat -c %a run)" = 700 ]
  drover run -j 1 'echo {}' ::: a
  exits 0
  [ "$(stat -c %a drover-runs/*)" = 700 ]
}

@test "in a directory that was there, others read nothing; those of its group may" {
  umask 022
  mkdir -m 755 run
  drover run -j 1 --run-dir run --env TOKEN=secret 'echo {}' ::: a
  exits 0
  [ "$(stat -c %a run)" = 755 ]
  local file
  for file in run/*; do
    echo "$file: $(stat -c %a "$file")"
    [ $(($(stat -c %a "$file") % 10)) -eq 0 ]
  done
  [ "$(stat -c %a run/run.db)" = 640 ]
}

@test "a directory of outputs that was asked for is made as others are" {
  umask 022
  drover run -j 1 --run-dir run --output-dir out-files 'echo {}' ::: a
  exits 0
  [ "$(stat -c %a out-files)" = 755 ]
  [ "$(stat -c %a out-files/stdout)" = 644 ]
}

@test "a drover.toml of another user's is obeyed by name only" {
  needs_another_user
  echo 'shell = "/bin/false"' >drover.toml
  chown 65534 drover.toml
  drover run -j 1 'echo {}; :' ::: a
  is_refused drover.toml "belongs to user" '--config'
  drover config
  exits 125
  drover config --config drover.toml
  exits 0
  grep -q /bin/false out
  chown 0 drover.toml
  chmod 666 drover.toml
  drover run -j 1 'echo {}; :' ::: a
  is_refused drover.toml 'can be written by everybody'
  mv drover.toml mine.toml
  chmod 644 mine.toml
  ln -s mine.toml drover.toml
  chown -h 65534 drover.toml
  drover run -j 1 'echo {}; :' ::: a
  is_refused drover.toml "belongs to user"
  drover run -j 1 --config /dev/null 'echo {}; :' ::: a
  prints a
}

@test "a run is not kept where others can change it" {
  needs_another_user
  mkdir -m 777 open
  drover run -j 1 --run-dir open 'echo {}' ::: a
  is_refused "$PWD/open" 'can be written by everybody' --run-dir
  drover run -j 1 --run-dir open/mine 'echo {}' ::: a
  exits 0
  mkdir -m 755 elsewhere
  cd elsewhere
  mkdir -m 777 drover-runs
  drover run -j 1 'echo {}' ::: a
  exits 125
  says drover-runs 'can be written by everybody' --run-dir
}

@test "a user neither writes nor goes on in a directory of another user's" {
  needs_another_user
  theirs
  mkdir -m 777 ours
  as_another "$DROVER" run -j 1 --run-dir ours 'echo {}' ::: a
  exits 125
  [ -z "$(ls ours)" ]
}

@test "links that lie where a run's files go are not followed" {
  mkdir run
  echo precious >precious
  local name
  for name in master.lock control.lock drover.log joblog.tsv events.jsonl printed slurm-job stdin.part; do
    rm -rf run
    mkdir run
    ln -s ../precious "run/$name"
    SLURM_JOB_ID='' capture "$DROVER" run -j 1 --run-dir run 'echo {}' < <(echo a)
    echo "$name: $status"
    [ "$(cat precious)" = precious ]
  done
}

@test "a socket of another user's is no master" {
  needs_another_user
  theirs
  mkdir -m 755 ours
  "$DROVER" run -j 0 --run-dir theirs/run --keep-open >out1 2>err1 3>&- &
  waits_for test -e theirs/run/control.sock
  # A master of root's serves everybody's commands to nobody but root.
  chmod 755 theirs/run
  chmod 777 theirs/run/control.sock
  as_another "$DROVER" status --run theirs/run
  exits 125
  "$DROVER" close --run theirs/run
  wait $!
}
