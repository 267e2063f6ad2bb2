#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# Options from the command line, the environment and a file, in that order.

load lib

# setting NAME: the line that `drover config` has for it.
setting() {
  grep -E "^(# )?$1( |$)" out | tr -s ' '
}

@test "defaults" {
  drover config
  exits 0
  [ "$(setting slots)" = 'slots = 1 # default' ]
  [ "$(setting timeout)" = 'timeout = 0 # default' ]
  [ "$(setting kill-after)" = 'kill-after = "5s" # default' ]
  [ "$(setting workers)" = '# workers # default' ]
  [ "$(setting tag)" = 'tag = false # default' ]
}

@test "command line before environment before file before default" {
  cat >drover.toml <<'EOF'
# of this directory
slots = 2
timeout = "1h30m"
retries = 2
EOF
  DROVER_SLOTS=3 DROVER_RETRIES=3 drover config --slots 4
  exits 0
  [ "$(setting slots)" = 'slots = 4 # command line' ]
  [ "$(setting retries)" = 'retries = 3 # environment: DROVER_RETRIES' ]
  [ "$(setting timeout)" = 'timeout = "1h30m" # drover.toml:3' ]
  [ "$(setting lease)" = 'lease = "10s" # default' ]
}

@test "what the configuration says is what a run does" {
  printf 'keep-order = true\ntag = true\nretries = 1\nretry-delay = "1ms"\n' >drover.toml
  export DROVER_ENV=GREETING=hello
  for start in "${starts[@]}"; do
    capture "$start" 'echo $GREETING $DROVER_TASK_ATTEMPT; false {}' ::: a b
    exits 2
    [ "$(cat out)" = $'a\thello 2\nb\thello 2' ]
  done
}

@test "a file by name, and by DROVER_CONFIG" {
  echo 'slots = 5' >mine.toml
  echo 'slots = 6' >other.toml
  echo 'slots = 7' >drover.toml
  drover config --config mine.toml
  [ "$(setting slots)" = 'slots = 5 # mine.toml:1' ]
  DROVER_CONFIG=other.toml drover config
  [ "$(setting slots)" = 'slots = 6 # other.toml:1' ]
  DROVER_CONFIG=other.toml drover config --config mine.toml
  [ "$(setting slots)" = 'slots = 5 # mine.toml:1' ]
}

@test "TOML as people write it" {
  cat >drover.toml <<'EOF'
[run]                           # the section may be there
halt = "soon,fail=1"            # a comma in a string
shell = '/bin/sh'               # literal strings
"workdir" = "with # and \"q\" and \u00e9"
env = [ "A=1, 2",               # over several lines
        'B=\x', ]
slots=1_0
tag = true
EOF
  drover config
  exits 0
  [ "$(setting halt)" = 'halt = "soon,fail=1" # drover.toml:2' ]
  [ "$(setting workdir)" = 'workdir = "with # and \"q\" and é" # drover.toml:4' ]
  [ "$(setting env)" = 'env = ["A=1, 2", "B=\\x"] # drover.toml:5' ]
  [ "$(setting slots)" = 'slots = 10 # drover.toml:7' ]
  [ "$(setting tag)" = 'tag = true # drover.toml:8' ]
}

@test "what drover config prints is a file with the same meaning" {
  drover config --slots 3 --env 'A="x" # \y' --env B= --halt now,fail=10% --timeout 90 -k --colsep $'\t'
  exits 0
  cp out all.toml
  drover config --config all.toml
  exits 0
  diff <(sed 's/ *#.*//' all.toml) <(sed 's/ *#.*//' out)
  [ "$(setting env)" = 'env = ["A=\"x\" # \\y", "B="] # all.toml:'"$(grep -n ^env all.toml | cut -d : -f 1)" ]
}

@test "flags in the environment" {
  DROVER_TAG=true DROVER_QUIET=0 DROVER_JSON=no DROVER_KEEP_ORDER=1 DROVER_NULL= drover config
  exits 0
  [ "$(setting tag)" = 'tag = true # environment: DROVER_TAG' ]
  [ "$(setting quiet)" = 'quiet = false # environment: DROVER_QUIET' ]
  [ "$(setting json)" = 'json = false # environment: DROVER_JSON' ]
  [ "$(setting keep-order)" = 'keep-order = true # environment: DROVER_KEEP_ORDER' ]
  [ "$(setting null)" = 'null = false # default' ]
}

@test "a misspelt variable is pointed out" {
  DROVER_SLOTZ=3 DROVER_TASK_ID=1 DROVER_RUN_DIR=/x drover config
  exits 0
  grep -qx '# DROVER_SLOTZ is set in the environment and is no option' out
  lacks -q 'DROVER_TASK_ID is set' out
  # In a task, this is the directory of the run it belongs to.
  [ "$(setting run-dir)" = '# run-dir # default' ]
}

@test "drover in a task of drover" {
  capture locally "$DROVER run -j 1 --quiet 'echo {} >inner' ::: x; cat inner # {}" ::: outer
  prints 'outer x'
}

@test "what is wrong in the environment or a file is named with its place" {
  # refused WORDS...
  refused() { exits 125; [ "$(wc -l <err)" -eq 1 ]; says "$@"; }
  DROVER_RETRIES=many drover config && refused "DROVER_RETRIES: --retries: 'many' is not a number from 0 to"
  DROVER_TAG=maybe drover config && refused DROVER_TAG maybe
  DROVER_LOG_LEVEL=loud drover config && refused "DROVER_LOG_LEVEL: --log-level: 'loud' is not info, warn or error"
  DROVER_SLOTS=many drover worker --join ./none && refused DROVER_SLOTS: many
  DROVER_PATIENCE=soon drover worker --join ./none && refused DROVER_PATIENCE: soon
  printf '\nslotz = 3\n' >drover.toml
  drover config && refused "drover.toml:2: unknown option 'slotz'"
  printf '[run]\nslots = 0\n' >drover.toml
  drover run --dry-run echo ::: x && refused "drover.toml:2: --slots: '0' is not a number"
  for text in 'slots' 'slots =' 'slots = [1' 'slots = "1' 'slots = 1 2' 'slots = yes' '[other]' '[run' '= 3' 'halt = """x"""' \
    'shell = "\q"' $'slots = 1\nslots = 2' 'slots = {a = 1}'; do
    echo "$text" >drover.toml
    drover config && refused drover.toml:
  done
  drover config --config no-such.toml && refused no-such.toml 'No such file'
  mkdir directory.toml
  drover config --config directory.toml && refused directory.toml 'is a directory'
}

@test "the version names what drover stands on and what this start of MPI survives" {
  drover --version
  exits 0
  grep -qE '^drover [0-9]+\.[0-9]+' out
  grep -qE 'Open MPI [45].*Boost 1\.[0-9]+.*CLI11 2' out
  grep -q 'starts its own ranks, protected' out
  capture by_mpirun "$DROVER" --version
  exits 0
  [ "$(grep -c '^drover ' out)" -eq 1 ]
  grep -q 'survives no death' out
}

@test "the log keeps what it is to keep" {
  drover run -j 0 --worker-wait 1ms --log-level error --run-dir quiet true ::: x
  drover run -j 0 --worker-wait 1ms --run-dir chatty true ::: x
  grep -q 'no worker is there' chatty/drover.log
  lacks -q 'no worker is there' quiet/drover.log
}

@test "help, once" {
  drover run --help
  exits 0
  for word in --keep-order --halt ::: drover.toml 'Exit status'; do grep -qF -- "$word" out; done
  capture by_mpirun "$DROVER" run --help
  [ "$(grep -c '^Usage' out)" -eq 1 ]
}
