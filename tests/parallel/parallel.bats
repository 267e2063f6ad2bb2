#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1083,SC2016,SC2030,SC2031,SC2054,SC2154,SC2191
# Command lines of GNU parallel mean the same to `drover run`. cases.bash has those that are compared word for word,
# expected.txt what GNU parallel 20221122 makes of them (run-cases.sh parallel cases.bash >expected.txt). What differs
# on purpose has tests of its own below.

load ../cli/lib

cases=$BATS_TEST_DIRNAME/cases.bash
expected=$BATS_TEST_DIRNAME/expected.txt

has_gnu_parallel() {
  parallel --version 2>/dev/null | grep -q '^GNU parallel 2022'
}

@test "the same words reach the same commands" {
  "$BATS_TEST_DIRNAME/run-cases.sh" drover "$cases" >got.txt
  diff "$expected" got.txt
}

@test "what is expected is what GNU parallel does" {
  has_gnu_parallel || skip "GNU parallel 2022 is not installed"
  "$BATS_TEST_DIRNAME/run-cases.sh" parallel "$cases" >got.txt
  diff "$expected" got.txt
}

@test "options that are not to be had are named, with what to use" {
  for option in --pipe --block --plus --rpl --csv --delay --load --memfree --results --joblog -v -t -S --sshlogin --slf \
    --onall --transfer --trc --semaphore --color --tmux --shuf --nice --pipepart --recend --tee --files; do
    drover run "$option" x ::: a && is_refused "unknown option '$option', which GNU parallel has; here: "
  done
  drover run -S host x ::: a && is_refused "'-S'" '--hosts'
  drover run --bogus x ::: a && is_refused "unknown option '--bogus'; see 'drover run --help'"
}

@test "values that make no sense are refused" {
  drover run -d ab x ::: a && is_refused --delimiter "'ab'"
  drover run -0 -d , x ::: a && is_refused --null --delimiter
  drover run --trim x x ::: a && is_refused --trim "'x'"
  drover run --header x x ::: a && is_refused --header "'x'"
  drover run -s 100 x ::: a && is_refused --max-chars
  drover run -N 0 x ::: a && is_refused -- --max-replace-args
  drover run 'x {= $_++ =}' ::: a && is_refused 'Perl' '{='
  drover run x :::+ a && is_refused "':::+'"
  drover run x :::: && is_refused "'::::'"
  drover run x {3} ::: a ::: b && is_refused 'refers to argument 3'
  drover run --arg-sep '' x ::: a && is_refused --arg-sep
}

@test "words reach commands through every start as they are" {
  printf '#!/bin/bash\nprintf "[%%s]" "$@"; echo\n' >show
  chmod +x show
  hostile=(: :: - -- -x --run-dir '[a,b]' '[x]' '[]' '{}' '{1}' '%' '%s' '' ' ' 'a b' "it's" '"' '\' '\n' '$HOME' '`id`' '$(id)' '*' '?'
    '~' '#' '!' ';' '&' '|' '>' '<' '(' ')' $'\xff\xfe' äöü $'tab\there' $'two\nlines' -n -e =a a=b --help '>x' '&&' ':::x' @file,1)
  for start in "${starts[@]}"; do
    # A user's own mpirun takes a lone : for itself.
    [ "$start" = locally ] || hostile=("${hostile[@]:1}")
    for value in "${hostile[@]}"; do printf '[%s]\n' "$value"; done >expected
    capture "$start" -k ./show {} ::: "${hostile[@]}"
    exits 0
    diff expected out
    printf '%s\0' "${hostile[@]}" >records
    capture "$start" -k -0 ./show {} <records
    exits 0
    diff expected out
  done
  [ ! -e x ]
}

@test "a command's own words are no options, whatever the start" {
  for start in "${starts[@]}"; do
    printf 'b\na\n' >lines
    capture "$start" sort -r -k 1 ::: lines
    prints b a
    capture "$start" grep -q a ::: lines
    exits 0
    [ ! -s out ]
    capture "$start" 'if [ {} = a ]; then echo yes; fi' ::: a
    prints yes
  done
}

@test "commands are those of the calling shell, with its exported functions" {
  greet() { echo "hello $1"; }
  export -f greet
  for start in "${starts[@]}"; do
    capture "$start" -k greet ::: a b
    prints 'hello a' 'hello b'
    capture "$start" '[[ {} == a* ]] && echo yes' ::: abc
    prints yes
    capture env PARALLEL_SHELL=/bin/sh bash -c '"$@"' - "$DROVER" run -j 1 'echo "$0"' ::: a
    grep -q sh out
  done
}

@test "without a command the lines of standard input are commands" {
  capture locally -k < <(printf 'echo a\necho b c\n')
  prints a 'b c'
  capture locally -k ::: 'echo a' 'echo "b  c"'
  prints a 'b  c'
}

@test "a tag of one's own" {
  capture locally -k --tagstring '{#}-{/}' echo ::: x/a b
  prints $'1-a\tx/a' $'2-b\tb'
  capture locally -k --tagstring fixed echo ::: a
  prints $'fixed\ta'
}

@test "a run with arguments of every kind goes on where it was" {
  printf 'n,m\n1,2\n3,4\n5,6\n' >table
  drover run -j 1 -k --run-dir run --halt soon,fail=1 --colsep , --header : -I @ --tagstring '{n}' \
    'echo {m} @; [ {n} != 3 ] || [ -e go ]' <table
  exits 1
  touch go
  drover run --resume-failed run
  exits 0
  diff <(printf '3\t4 3 4\n5\t6 5 6\n') out
}
