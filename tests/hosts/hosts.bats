#!/usr/bin/env bats
# `load` brings what is not assigned here, and uses what is.
# shellcheck disable=SC2154,SC2034
# A run on several hosts: its own MPI job is on one, and each other host is a group that joins.

load farm

@test "two, three and eight hosts: each is a worker with its slots, and a group of its own" {
  start_hosts h1 h2 h3 h4 h5 h6 h7
  local others list num_tasks
  for others in 1 2 7; do
    rm -rf run
    list=$(seq -f 'h%g:2' -s , "$others")
    num_tasks=$((120 * (others + 1)))
    begins --hosts "m:2,$list" 'sleep 0.1; echo {}' ::: $(seq $num_tasks)
    ends $num_tasks
    [ "$(query 'SELECT count(*) FROM workers WHERE slots = 2')" = $((others + 1)) ]
    [ "$(num_groups join)" = "$others" ]
    for host in m $(seq -f 'h%g' "$others"); do has_run "$host" 1; done
    figure "$((others + 1)) hosts, to the first task of the last" "$(query "SELECT printf('%.2f s', max(t)) FROM
      (SELECT min(started_at) - (SELECT min(started_at) FROM attempts) AS t FROM attempts GROUP BY host)")"
  done
  for host in h1 h7; do waits_for is_alone "$host"; done
}

@test "hosts are added while it runs, and a group joins by itself: one worker with its slots each" {
  start_hosts h1 h2 h3 h4
  begins --hosts h1:2 'sleep 0.1; echo {}' ::: $(seq 400)
  waits_for has_run h1 1
  on m "$DROVER" scale add --run run --hosts h2:3,h3:3 >added
  [ "$(grep -c '1 worker joined' added)" = 2 ]
  on h4 "$DROVER" worker --join run --slots 3 2>joined 3>&- &
  for host in h2 h3 h4; do waits_for has_run "$host" 5; done
  [ "$(query 'SELECT group_concat(slots) FROM (SELECT slots FROM workers ORDER BY host)')" = 2,3,3,3 ]
  on m "$DROVER" scale drain --run run --wait h2
  waits_for is_alone h2
  ends 400
  wait
  grep -q 'the group has left' joined
  [ "$(num_groups join)" = 4 ]
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited'")" = 0 ]
}

@test "a process on one host brings groups of several: each has an mpirun of its own there" {
  start_hosts h1 h2
  begins -j 0 'sleep 0.1; echo {}' ::: $(seq 100)
  on m "$DROVER" worker --join run --hosts h1:2,h2:2 2>joined 3>&- &
  local joiner=$!
  for host in h1 h2; do waits_for has_run "$host" 3; done
  [ "$(num_groups join)" = 2 ]
  ends 100
  wait "$joiner"
}

@test "told to terminate, it has its groups finish what they execute" {
  start_hosts h1 h2
  begins -j 1 'sleep 0.3; echo {}' ::: $(seq 40)
  on m "$DROVER" worker --join run --hosts h1:2,h2:2 2>joined 3>&- &
  for host in h1 h2; do waits_for has_run "$host" 1; done
  on m pkill -TERM -o -f -- "worker --join run --hosts h1:2,h2:2"
  for host in h1 h2; do waits_for is_alone "$host"; done
  ends 40
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited'")" = 0 ]
}

@test "each host is lost in turn, also the first; a new one joins after every loss, and there is no rollover" {
  start_hosts h1 h2 h3
  begins --hosts m:1,h1:2,h2:2,h3:2 'sleep 0.1; echo {}' ::: $(seq 900)
  for host in h1 h2 h3; do waits_for has_run "$host" 1; done
  local lost came
  for lost in 1 2 3; do
    kill_host "h$lost"
    came=n$lost
    add_host "$came"
    on m "$DROVER" scale add --run run --hosts "$came:2"
    waits_for has_run "$came" 5
    goes_on m
  done
  ends 900
  lacks -i rollover err run/drover.log
  [ "$(query "SELECT count(*) FROM groups WHERE how = 'lost'")" = 3 ]
  # What executed on a lost host is charged, and nothing else.
  [ "$(query "SELECT count(*) FROM attempts WHERE outcome <> 'exited' AND host NOT IN ('h1', 'h2', 'h3')")" = 0 ]
}

@test "a host that does not come costs its line, and no more" {
  start_hosts h1 h2
  kill_host h2
  begins --hosts m:1,h1:1,h2:1,nowhere:1 'sleep 0.1; echo {}' ::: $(seq 200)
  waits_for grep -q 'host h2 does not answer' err
  ends 200
  says 'host nowhere does not resolve: going on without it' 'host h2 does not answer'
  has_run h1 1
}

@test "without a host that can be used there is no run" {
  start_hosts
  local status=0
  on m "$DROVER" run --run-dir run --hosts nowhere:1,never:2 'echo {}' ::: 1 2 >out 2>err || status=$?
  show
  [ "$status" = 125 ]
  says 'none of the hosts can be used' 'host nowhere does not resolve' 'host never does not resolve'
}

@test "a group that fails to start leaves nothing behind, and what its mpirun said is shown" {
  start_hosts h1
  begins -j 1 'sleep 0.2; echo {}' ::: $(seq 60)
  waits_for has_run m 1
  # An mpirun that starts ranks which never get anywhere, and says so.
  mkdir bin
  printf '#!/bin/sh\nsleep 1000 &\necho "no slots here" >&2\nsleep 1\nexit 7\n' >bin/mpirun
  chmod +x bin/mpirun
  on h1 sh -c "mkdir -p /root && mount --bind $PWD/bin/mpirun /usr/bin/mpirun"
  local status=0
  on m "$DROVER" scale add --run run --hosts h1:1 >added 2>&1 || status=$?
  cat added
  [ "$status" != 0 ]
  grep -q 'host h1: its ranks ended before they were connected' added
  grep -q 'no slots here' added
  waits_for is_alone h1
  no_sleep_on() { ! on "$1" pgrep -x sleep; }
  waits_for no_sleep_on h1
  ends 60
}

@test "the master dies: the run goes on, on the same hosts and those that were added" {
  start_hosts h1 h2 h3 h4
  begins --hosts h1:2,h2:2 'sleep 0.1; echo {}' ::: $(seq 300)
  waits_for has_run h1 1
  on m "$DROVER" scale add --run run --hosts h3:2,h4:2
  for host in h1 h2 h3 h4; do waits_for has_run "$host" 3; done
  on m "$DROVER" scale drain --run run --wait h4
  on m kill -KILL "$(cut -d ' ' -f 2 run/control.lock)"
  waits_for grep -q 'rollover 1 of 3' err
  for host in h1 h2 h3; do goes_on "$host"; done
  ends 300
  [ "$(query "SELECT count(*) FROM workers WHERE host = 'h4'")" = 1 ] # it had left
  for host in h1 h2 h3 h4; do waits_for is_alone "$host"; done
}

@test "the user's own mpirun over two hosts: groups are spawned, and a join is refused" {
  start_hosts h1 h2
  on m mpirun --enable-recovery --host m:1,h1:1 -n 2 --bind-to none "$DROVER" run --run-dir run --lease 4s \
    'sleep 0.1; echo {}' ::: $(seq 200) >out 2>err 3>&- &
  run=$!
  waits_for has_run h1 1
  local status=0
  on h2 "$DROVER" worker --join run 2>joined || status=$?
  [ "$status" = 125 ]
  [ "$(wc -l <joined)" = 1 ]
  grep -q 'no group can join this run' joined
  on m "$DROVER" scale add --run run --hosts h2:2
  waits_for has_run h2 3
  ends 200
}

@test "also with an ompi-server, where a join would end both MPI jobs" {
  start_hosts h1 h2
  on m ompi-server --no-daemonize -r uri 3>&- &
  waits_for test -s uri
  on m mpirun --enable-recovery --ompi-server file:uri --host m:1,h1:1 -n 2 --bind-to none "$DROVER" run --run-dir run \
    'sleep 0.1; echo {}' ::: $(seq 100) >out 2>err 3>&- &
  run=$!
  waits_for has_run h1 1
  local status=0
  on h2 "$DROVER" worker --join run 2>joined || status=$?
  [ "$status" = 125 ]
  grep -q 'its mpirun has started ranks on other hosts' joined
  goes_on h1
  ends 100
}
