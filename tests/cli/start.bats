#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
# How a run starts its ranks: whatever the words, the environment and the state of the machine.

load lib

@test "no word of a call is one of mpirun's" {
  drover run -j 1 -k 'echo got {}' ::: x : touch made -n 3 -- '' --mca
  prints 'got x' 'got :' 'got touch' 'got made' 'got -n' 'got 3' 'got --' 'got ' 'got --mca'
  [ ! -e made ]
  capture timeout 60 "$DROVER" run -j 1 : ::: a
  exits 0
}

@test "as many words as the system takes for one program" {
  # Open MPI alone would not start more than 128 kB of them.
  local long
  long=$(printf '%090000d' 7)
  drover run -j 1 -k 'echo {}' ::: "$long" "$long" "$long"
  prints "$long" "$long" "$long"
}

@test "functions that bash exports, and variables with names that a shell cannot have, reach commands" {
  greet() { echo "hello $1"; }
  export -f greet
  capture env 'with.dot=a b' "$DROVER" run -j 1 --shell /bin/bash 'greet {}; env | grep ^with' ::: you
  prints 'hello you' 'with.dot=a b'
}

# others_mpirun FIRST_LINE: another mpirun is first in PATH, which says this of its version.
others_mpirun() {
  mkdir -p other
  printf '#!/bin/sh\nprintf "%%s\\n" "%s"\n' "$1" >other/mpirun
  chmod +x other/mpirun
}

@test "without Open MPI's mpirun in PATH, that is what is said" {
  mkdir empty
  PATH=$PWD/empty capture /usr/bin/timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q 'there is no mpirun in PATH: load Open MPI' err
  others_mpirun 'HYDRA build details:'
  PATH=$PWD/other:$PATH capture timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q "other/mpirun' is not Open MPI's, but says 'HYDRA build details:': load Open MPI" err
  others_mpirun 'mpirun (Open MPI) 1.10.7'
  PATH=$PWD/other:$PATH capture timeout 60 "$DROVER" run -j 1 'echo {}' ::: a
  [ "$status" -eq 125 ]
  grep -q "other/mpirun' is that of Open MPI 1.10.7: load Open MPI" err
}

# fake NAME: a program of this name, whose text is standard input, is found instead of the real one.
fake() {
  mkdir -p fakes
  cat >"fakes/$1"
  chmod +x "fakes/$1"
}
with_fakes() { capture env PATH="$PWD/fakes:$PATH" "$@"; }

# begin ARGUMENT...: a run in the background.
begin() {
  "$DROVER" run --run-dir run "$@" >out 2>err 3>&- &
  pid=$!
}

# ends_with STATUS
ends_with() {
  status=0
  wait "$pid" || status=$?
  exits "$1"
}

# said WORDS...: standard error has them by now.
said() { grep -qF -- "$*" err; }

master_pid() { sed 's/^process \([0-9]*\) .*/\1/' run/master.lock; }

# What ignores all that is asked of it, and says something.
deaf() {
  fake "$1" <<'EOF'
#!/bin/sh
[ "$1" != --version ] || { echo 'mpirun (Open MPI) 4.1.4'; exit 0; }
trap '' TERM INT HUP
echo "what $0 has to say"
while :; do sleep 0.2; done
EOF
}

@test "an mpirun that comes to nothing: it is said what is waited for, and a signal ends it whatever it does" {
  deaf mpirun
  for signal in INT TERM HUP; do
    rm -f err
    PATH="$PWD/fakes:$PATH" begin true ::: 1
    waits_for said 'waiting for mpirun to start the ranks'
    says "what $PWD/fakes/mpirun has to say"
    kill -"$signal" "$pid"
    ends_with $((128 + $(kill -l "$signal")))
    waits_for no_process "$PWD/fakes/mpirun"
  done
}

@test "a master that does not answer is ended after the second signal" {
  begin -j 1 --kill-after 100ms 'touch began; sleep 71091 # {}' ::: 1
  waits_for test -e began
  local master
  master=$(master_pid)
  kill -STOP "$master"
  kill -INT "$pid"
  kill -TERM "$pid"  # two of one kind at a time would be one
  ends_with 130
  says 'ending them' '--resume'
  waits_for no_process 'sleep 71091'
  [ ! -e "/proc/$master" ]
}

@test "a signal that comes when the master has just died is obeyed" {
  for signal in INT TERM HUP; do
    rm -rf run began
    begin -j 1 'touch began; sleep 71092 # {}' ::: 1
    waits_for test -e began
    kill -KILL "$(master_pid)"
    kill -"$signal" "$pid"
    ends_with $((128 + $(kill -l "$signal")))
    says 'go on with: '
    waits_for no_process 'sleep 71092'
  done
}

@test "a master that dies again before a task has ended is not started a third time" {
  begin -j 1 'touch began; sleep 71093 # {}' ::: 1
  waits_for test -e began
  local master
  master=$(master_pid)
  kill -KILL "$master"
  rm began
  waits_for said 'rollover 1 of 3'
  waits_for test -e began
  kill -KILL "$(master_pid)"
  ends_with 125
  says 'once more before a task had ended' 'go on with: '
  lacks -q 'rollover 2' err
}

@test "whatever goes wrong on the master before its work ends in one line" {
  for option in --workdir --output-dir --run-dir; do
    drover run -j 1 "$option" '' true ::: 1
    is_refused "$option" 'expected a directory'
  done
  # A variable of this name was taken for one of drover's own.
  capture env DROVER_JOIN=x "$DROVER" run -j 1 'echo {}' ::: 1
  prints 1
}

@test "what keeps Open MPI from starting is said in a line of ours" {
  capture env TMPDIR=/proc "$DROVER" run -j 1 true ::: 1
  is_refused "TMPDIR '/proc'" 'set TMPDIR'
  capture env PATH= "$DROVER" run -j 1 true ::: 1
  is_refused 'mpirun' 'in PATH'
  capture env OMPI_MCA_plm_rsh_agent=' ' "$DROVER" run -j 1 true ::: 1
  is_refused OMPI_MCA_plm_rsh_agent 'is blank'
  capture env OMPI_COMM_WORLD_RANK=-1 "$DROVER" run -j 1 true ::: 1
  is_refused "OMPI_COMM_WORLD_RANK='-1'" 'unset it'
  capture env DROVER_REJOIN=maybe "$DROVER" worker --join x
  is_refused DROVER_REJOIN "'maybe' is neither true nor false"
  mkdir gone
  local here=$PWD
  cd gone
  rmdir ../gone
  "$DROVER" run -j 1 true ::: 1 >"$here/out" 2>"$here/err" && status=0 || status=$?
  cd "$here"
  is_refused 'working directory is not there any more'
}

@test "a byte order mark at the beginning of a file is none of its text" {
  printf '\xef\xbb\xbfecho a\necho b\n' >tasks.txt
  drover run -j 1 -k tasks.txt
  prints a b
  printf '\xef\xbb\xbfc\n' >words.txt
  drover run -j 1 'echo x{}x' :::: words.txt
  prints xcx
}

@test "a program that is replaced while a run goes on is what the run goes on with" {
  cp "$DROVER" drover
  ./drover run --run-dir run -j 1 'touch began-{}; until [ -e go ]; do sleep 0.02; done; echo {}' ::: 1 2 >out 2>err 3>&- &
  pid=$!
  waits_for test -e began-1
  cp "$DROVER" new
  mv new drover
  kill -KILL "$(master_pid)"
  touch go
  ends_with 0
  [ "$(sort out)" = $'1\n2' ]
}

@test "without an ompi-server a run goes on, and says what cannot be" {
  # Open MPI 5 has none.
  "$DROVER" --version | grep -q 'Open MPI 4' || skip
  fake ompi-server <<<$'#!/bin/sh\nexit 3'
  with_fakes "$DROVER" run -j 1 'echo {}' ::: 1
  prints 1
  says 'no group can join this run: ompi-server has ended (exit status 3)'
  fake ompi-server <<EOF
#!/bin/sh
until grep -q waiting.for.ompi-server err; do sleep 0.1; done
exec $(command -v ompi-server) "\$@"
EOF
  with_fakes "$DROVER" run -j 1 'echo {}' ::: 1
  prints 1
  lacks -q 'no group can join' err
}

# A group that is asked for comes; not while the run moves.
comes() { "$DROVER" scale add --run run --population 1 >/dev/null 2>&1; }

@test "an ompi-server that dies is spoken of, and who asks for workers gets them in another MPI job" {
  "$DROVER" --version | grep -q 'Open MPI 4' || skip
  begin -j 1 'touch began; until [ -e go ]; do sleep 0.02; done; echo {}' ::: 1 2
  waits_for test -e began
  kill -KILL "$(pgrep -P "$pid" ompi-server)"
  waits_for said 'ompi-server has ended (killed by signal 9)'
  capture timeout 100 "$DROVER" scale add --run run --population 1
  exits 125
  says 'no group can come to this MPI job: ompi-server has ended' 'ask again in a moment'
  waits_for comes
  touch go
  ends_with 0
}
