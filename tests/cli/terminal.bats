#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# What a person at a terminal sees.

load lib

setup() {
  command -v tmux >/dev/null || skip "tmux is not installed"
  command -v tmux >/dev/null || skip "tmux is not installed"
  clean_environment
  cd "$BATS_TEST_TMPDIR" || return 1
  socket=drover-test-$$-$BATS_TEST_NUMBER
}

teardown() {
  tmux -L "$socket" kill-server 2>/dev/null || true
}

# in_terminal COMMAND: runs it in a terminal of 80 columns; `end` has its exit status afterwards.
in_terminal() {
  tmux -f /dev/null -L "$socket" new-session -d -x 80 -y 24 "$1; echo \$? >end; sleep 1000" 3>&-
}

screen() {
  tmux -L "$socket" capture-pane -p
}

shows() {
  screen | grep -qE -- "$1"
}
hides() {
  ! shows "$@"
}

progress='done, [0-9]+ failed, [0-9]+ running, [0-9]+\+? queued'

@test "a progress line, which is gone when the run has ended" {
  in_terminal "'$DROVER' run -j 2 'until [ -e go-{} ]; do sleep 0.02; done; echo output of {}; [ {} != 2 ]' ::: 1 2 3 4"
  waits_for shows "^0 done, 0 failed, 2 running, 2 queued \| 0\.0/s \| 2/2 busy \| "
  touch go-1 go-2
  waits_for shows "^1 done, 1 failed, 2 running, 0 queued \| .*/s \| 2/2 busy \| .*, ETA [0-9]"
  [ "$(screen | grep -cE "$progress")" -eq 1 ]
  touch go-3 go-4
  waits_for test -e end
  screen
  [ "$(cat end)" -eq 1 ]
  hides "$progress"
  for i in 1 2 3 4; do shows "^output of $i$"; done
  shows '4 tasks: 3 succeeded, 1 failed in '
}

@test "under mpirun as well, and standard input may be a slow pipe" {
  mkfifo fifo
  in_terminal "mpirun -n 3 --map-by :OVERSUBSCRIBE --bind-to none '$DROVER' run - <fifo"
  exec 4>fifo
  waits_for shows "^0 done, 0 failed, 0 running, 0\+ queued"
  echo 'echo first' >&4
  waits_for shows '^first$'
  waits_for shows "^1 done, 0 failed, 0 running, 0\+ queued"
  echo 'echo second' >&4
  exec 4>&-
  waits_for test -e end
  [ "$(cat end)" -eq 0 ]
  shows '^second$'
  hides "$progress"
}

@test "Ctrl-C once, and what it has done; then again" {
  in_terminal "'$DROVER' run -j 2 'sleep 1000 # {}' ::: 1 2 3"
  waits_for shows '2 running, 1 queued'
  tmux -L "$socket" send-keys C-c
  waits_for shows '^stopping \(Ctrl-C again ends what runs\): 0 done'
  tmux -L "$socket" send-keys C-c
  waits_for test -e end
  screen
  [ "$(cat end)" -eq 130 ]
  shows '3 tasks: 0 succeeded, 3 not run'
}

@test "no progress line with --no-progress or --quiet, nor when standard error is no terminal" {
  in_terminal "for how in --no-progress --quiet; do '$DROVER' run -j 1 \$how 'sleep 0.5 # {}' ::: 1 2>&1; done; '$DROVER' run -j 1 'sleep 0.5 # {}' ::: 1 2>err"
  until [ -e end ]; do
    hides "$progress"
    sleep 0.05
  done
  lacks -qE "$progress" err
}

@test "outputs that end within a line are not touched" {
  in_terminal "'$DROVER' run -j 1 -k 'printf part-{}; until [ -e go-{} ]; do sleep 0.02; done' ::: 1 2"
  waits_for shows "$progress"
  touch go-1
  waits_for shows '^part-1'
  touch go-2
  waits_for test -e end
  shows '^part-1part-2'
}
