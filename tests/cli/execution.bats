#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# How commands are executed, and what becomes of those that fail.

load lib

@test "commands: directory, environment, standard input, process group, shell" {
  mkdir elsewhere
  for start in "${starts[@]}"; do
    capture "$start" --workdir elsewhere --env GIVEN='a b' --env HOME 'pwd; echo "$GIVEN $HOME {}"; cat' ::: x
    prints "$BATS_TEST_TMPDIR/elsewhere" "a b $HOME x"
    capture "$start" 'test $(ps -o pgid= -p $$) = $$ # {}' ::: x
    exits 0
    capture "$start" --shell /bin/bash 'x=({}); echo "${#x[@]}"' ::: a
    prints 1
  done
}

@test "what drover promises in the environment is there, and nothing of the launcher" {
  printf 'env -0\n' >tasks.txt
  for start in "${starts[@]}"; do
    capture "$start" --run-dir "run-$start" --slots 1 tasks.txt
    exits 0
    tr '\0' '\n' <out >variables
    for name in RUN_ID TASK_ID TASK_ATTEMPT SLOT GROUP RANK NODE RUN_DIR; do grep -q "^DROVER_$name=." variables; done
    grep -qx "DROVER_RUN_DIR=$BATS_TEST_TMPDIR/run-$start" variables
    grep -qx 'PARALLEL_SEQ=1' variables
    grep -qx 'DROVER_TASK_ATTEMPT=1' variables
    grep -q '^PARALLEL_JOBSLOT=[12]$' variables
    lacks -E '^(OMPI_COMM|PMIX|PMI|PRTE|ORTE|OPAL)_|^DROVER_(SUPERVISOR|OPEN_FILES)=' variables
  done
}

@test "a task may start an MPI program itself" {
  capture locally 'mpirun -n 2 --map-by :OVERSUBSCRIBE --bind-to none --allow-run-as-root sh -c "echo \$OMPI_COMM_WORLD_SIZE" # {}' ::: x
  prints 2 2
}

@test "the exit status is the number of tasks that failed" {
  for start in "${starts[@]}"; do
    capture "$start" 'exit {}' ::: 0 1 2 0 3
    exits 3
    says '5 tasks: 2 succeeded, 3 failed' 'exit status 3: exit 3' 'to run just those again: '
  done
}

@test "the summary says how to run again what failed" {
  for start in "${starts[@]}"; do
    rm -f marks fixed-*
    # shellcheck disable=SC2016  # for the task's shell
    capture "$start" --run-dir "run-$start" --env EXTRA=e 'echo {} $EXTRA >>marks; test -e fixed-{}' ::: a b c
    exits 3
    touch fixed-a fixed-b
    capture bash -c "PATH=$(dirname "$DROVER"):\$PATH; $(sed -n 's/^  to run just those again: //p' err)"
    exits 1
    [ "$(sort marks | uniq -c | tr -s ' \n' ' ')" = ' 2 a e 2 b e 2 c e ' ]
    [ "$(sqlite3 -readonly "run-$start/run.db" "SELECT group_concat(state, ' ') FROM tasks")" = 'succeeded succeeded failed' ]
  done
}

@test "100 failures are 100, and more are 101" {
  capture locally --slots 8 'false {}' ::: $(seq 100)
  exits 100
  capture locally --slots 8 'false {}' ::: $(seq 101)
  exits 101
  capture under_mpirun --slots 8 'false {}' ::: $(seq 102)
  exits 101
}

@test "the summary has the last line of standard error, and at most a few failures" {
  capture locally --slots 4 'echo first >&2; echo "  the reason of {}" >&2; echo >&2; exit 7' ::: $(seq 12)
  exits 12
  says 'exit status 7' 'and 7 more'
  [ "$(grep -c '^    .*the reason of' err)" -eq 5 ]
}

@test "a command that a signal ends" {
  capture locally 'kill -SEGV $$ # {}' ::: x
  exits 1
  says 'killed by signal 11 (SIGSEGV)'
}

@test "what is not there is the shell's to say" {
  capture locally 'no-such-program {}' ::: x
  exits 1
  says 'exit status 127' 'not found'
}

@test "a time limit ends a command, also one that does not want to" {
  for start in "${starts[@]}"; do
    printf '%s\n' 'sleep 71083' 'trap "" TERM; while :; do sleep 1; done' true >limited
    capture "$start" --timeout 200ms --kill-after 100ms limited
    exits 2
    says '1 succeeded, 2 timed out' 'timed out: '
  done
  no_process 'sleep 71083'
}

@test "a time limit ends everything that the command started" {
  capture locally --timeout 300ms 'sleep 12345 & sleep 12345 | cat; # {}' ::: x
  exits 1
  waits_for no_process 'sleep 12345'
}

@test "retries, with the number of the attempt; the output is that of the last one" {
  for start in "${starts[@]}"; do
    capture "$start" --retries 2 --retry-delay 10ms 'echo {} $DROVER_TASK_ATTEMPT; [ $DROVER_TASK_ATTEMPT = {} ]' ::: 1 2 3 4
    exits 1
    [ "$(sort out | tr '\n' ' ')" = '1 1 2 2 3 3 4 3 ' ]
  done
}

@test "halt soon: what runs may finish, nothing more is started" {
  capture locally -j 1 --prefetch 0 --halt soon,fail=1 'touch {}; [ {} != 2 ]' ::: 1 2 3 4 5
  exits 1
  [ -e 2 ] && [ ! -e 3 ]
  says '1 succeeded, 1 failed, 3 not run'
}

@test "halt now: what runs is ended" {
  capture locally -j 2 --halt now,fail=1 'if [ {} = 1 ]; then until [ -e other ]; do sleep 0.02; done; exit 1; fi; touch other; sleep 71084' ::: 1 2
  exits 1
  says '0 succeeded, 1 failed, 1 not run'
  no_process 'sleep 71084'
}

@test "halt after successes, and after a share of the tasks" {
  capture locally -j 1 --prefetch 0 --halt soon,success=2 'true {}' ::: 1 2 3 4
  exits 0
  says '2 succeeded, 2 not run'
  capture locally -j 1 --prefetch 0 --halt soon,fail=50% 'false {}' ::: 1 2 3 4
  exits 2
  says '2 failed, 2 not run'
}

@test "slots: so many commands at once on a rank, and no more" {
  # Each waits until three are there; a fourth would be seen.
  capture locally -j 1 --slots 3 \
    'mkdir at-{}; until [ -e three ] || [ $(ls -d at-* | wc -l) -ge 3 ]; do sleep 0.02; done; touch three; [ $(ls -d at-* | wc -l) -le 3 ]; r=$?; sleep 0.05; rmdir at-{}; exit $r' \
    ::: 1 2 3 4 5 6
  exits 0
}

@test "a daemon that a command leaves behind neither holds it up nor lives on" {
  capture timeout 50 "$DROVER" run -j 1 'sleep 4321 & echo done {}' ::: x
  prints 'done x'
  waits_for no_process 'sleep 4321'
}

@test "an over-long command fails alone, by name" {
  { echo 'echo before'; printf 'echo '; head -c 3000000 /dev/zero | tr '\0' x; echo; echo 'echo after'; } >tasks.txt
  for start in "${starts[@]}"; do
    capture "$start" -k tasks.txt
    exits 1
    [ "$(tr '\n' ' ' <out)" = 'before after ' ]
    says 'task 2 on' 'the command of 3000005 bytes is too long for this system (E2BIG)'
    [ "$(wc -c <err)" -lt 4000 ]
  done
}

@test "the job log is one that GNU parallel understands" {
  capture locally --run-dir run 'exit {}' ::: 0 3
  exits 1
  [ "$(head -n 1 run/joblog.tsv)" = $'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand' ]
  [ "$(sed 1d run/joblog.tsv | sort -n | cut -f 1,7,8,9)" = $'1\t0\t0\texit 0\n2\t3\t0\texit 3' ]
  # A command that took a while has a runtime that says so.
  capture locally --run-dir run2 'sleep 0.2 # {}' ::: x
  awk -F '\t' 'NR == 2 && $4 >= 0.2 { found = 1 } END { exit !found }' run2/joblog.tsv
}
