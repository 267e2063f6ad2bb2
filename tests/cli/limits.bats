#!/usr/bin/env bats
# What a host, its limits and its launcher do to commands, and what commands leave behind.
# SLOW_EXEC: a library that, preloaded, makes the start of a program slow.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2086,SC2154

load lib

# pid_of_rank RANK: of the run in this directory.
pid_of_rank() {
  local entry
  for entry in /proc/[0-9]*; do
    [ "$(readlink "$entry/cwd" 2>/dev/null)" = "$BATS_TEST_TMPDIR" ] || continue
    [ "$(cat "$entry/comm" 2>/dev/null)" = drover ] || continue
    tr '\0' '\n' <"$entry/environ" 2>/dev/null | grep -qE "^(OMPI_COMM_WORLD_RANK|PMIX_RANK)=$1\$" || continue
    echo "${entry#/proc/}"
    return
  done
}

# num_succeeded RUN_DIR
num_succeeded() {
  sed 1d "$1/joblog.tsv" | awk -F '\t' '$7 == 0 && $8 == 0' | wc -l
}

@test "starting many commands never costs the worker its lease" {
  seq 64 | sed 's/.*/true &/' >tasks.txt
  LD_PRELOAD=$SLOW_EXEC capture "$DROVER" run -j 1 --slots 64 --heartbeat 500ms --lease 4s --run-dir run tasks.txt
  exits 0
  lacks 'is lost' err
  [ "$(num_succeeded run)" -eq 64 ]
}

@test "a soft limit of descriptors is drover's to raise, and stays the commands' own" {
  ulimit -S -n 64
  seq 60 | sed 's/.*/sleep 0.2; ulimit -S -n # &/' >tasks.txt
  capture "$DROVER" run -j 1 --slots 40 --run-dir run tasks.txt
  exits 0
  [ "$(sort -u out)" = 64 ]
  [ "$(wc -l <out)" -eq 60 ]
}

@test "with too few descriptors, commands wait for their turn, and it is said" {
  ulimit -n 80
  seq 60 | sed 's/.*/sleep 0.2; : &/' >tasks.txt
  capture "$DROVER" run -j 1 --slots 40 --run-dir run tasks.txt
  exits 0
  says 'cannot start commands for now (pipe: Too many open files)'
  [ "$(num_succeeded run)" -eq 60 ]
}

@test "a duration that is too long is refused by name" {
  drover run -j 1 --lease 36500d true
  is_refused "--lease" "'36500d' is too long a duration; the longest is 3650d"
  DROVER_TIMEOUT=99999999d drover run -j 1 true
  is_refused DROVER_TIMEOUT 'the longest is 3650d'
  echo 'kill-after = "1e9d"' >drover.toml
  drover run -j 1 true
  is_refused 'drover.toml:1' "'1e9d' is not a duration"
}

@test "the longest durations there are do no harm" {
  local options=()
  local name
  for name in timeout kill-after retry-delay lease scale-cool-down respawn-delay idle-timeout worker-wait time-limit; do
    options+=("--$name" 3650d)
  done
  capture locally --retries 1 "${options[@]}" 'test {} = b' ::: b
  exits 0
}

@test "a time limit ends what has left the command's process group" {
  for start in "${starts[@]}"; do
    capture "$start" --timeout 1s 'timeout 246 sleep 24601; : {}' ::: x
    exits 1
    says 'timed out'
    waits_for no_process 'sleep 24601'
  done
  capture locally --timeout 1s 'setsid sleep 24602 & wait; : {}' ::: x
  exits 1
  waits_for no_process 'sleep 24602'
}

@test "cancel ends what has left the command's process group" {
  "$DROVER" run -j 1 --run-dir run 'timeout 246 sleep 24603; : {}' ::: x >out 2>err 3>&- &
  waits_for pgrep -f '^sleep 24603'
  "$DROVER" cancel --run run 1
  wait $! || true
  waits_for no_process 'sleep 24603'
}

@test "a daemon in a session of its own does not outlive its command" {
  capture timeout 50 "$DROVER" run -j 1 'setsid sleep 24604 >/dev/null 2>&1 & echo done {}' ::: x
  prints 'done x'
  waits_for no_process 'sleep 24604'
}

@test "a worker that is killed takes with it what has left its commands' process groups" {
  "$DROVER" run -j 1 --respawn 0 --retries 0 --run-dir run 'timeout 246 sleep 24605; : {}' ::: x >out 2>err 3>&- &
  local run=$!
  waits_for pgrep -f '^sleep 24605'
  kill -KILL "$(pid_of_rank 1)"
  waits_for no_process '^sleep 24605'
  kill -TERM $run
  kill -TERM $run 2>/dev/null || true
  wait $run || true
}

@test "commands have the host's cores, however mpirun binds its ranks" {
  [ "$(nproc)" -gt 1 ] || skip 'one core'
  capture mpirun -n 2 "$DROVER" run 'nproc; : {}' ::: a
  prints "$(nproc)"
  # What limits mpirun itself is the user's wish, and is said where it leaves too little.
  capture taskset -c 1 mpirun -n 2 --oversubscribe "$DROVER" run --slots 2 'taskset -pc $$; : {}' ::: a
  exits 0
  grep -q 'affinity list: 1$' out
  says '2 commands at once have 1 core'
  # A binding that the user asked for is kept.
  capture mpirun -n 2 --oversubscribe --bind-to core "$DROVER" run --slots 2 'nproc; : {}' ::: a
  prints 1
  says '2 commands at once have 1 core'
}

@test "what the user has set for MPI programs reaches commands, and nothing of the launcher does" {
  export OMPI_CC=gcc-99 OPAL_MINE=/opt OMPI_MCA_btl_base_verbose=0 PMIX_MCA_foo=1 PMI_MINE=2
  variables() { tr '\0' '\n' | grep -vE '^(DROVER_|PARALLEL_|_=|PWD=|OLDPWD=|SHLVL=|TMPDIR=)' | grep "=" | sort; }
  env -0 | variables >here
  for start in "${starts[@]}"; do
    capture "$start" --slots 1 'env -0 # {}' ::: x
    exits 0
    variables <out >there
    diff here there
  done
}
