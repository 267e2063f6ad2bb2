#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# Where tasks come from: files, standard input, templates with arguments.

load lib

@test "a task file: blank lines and comments are skipped, backslashes continue, CRLF is understood" {
  printf '%s\n' 'echo one' '' '   ' '# a comment' '  # another' 'echo two \' '  three' 'echo four\\' >tasks.txt
  printf 'echo five\r\n' >>tasks.txt
  printf 'echo six' >>tasks.txt
  for start in "${starts[@]}"; do
    capture "$start" -k tasks.txt
    prints one 'two three' 'four\' five six
  done
}

@test "tasks from standard input" {
  for start in "${starts[@]}"; do
    capture "$start" -k - < <(echo 'echo a'; echo 'echo b | tr b c')
    prints a c
  done
}

@test "NUL-separated tasks may have several lines" {
  capture locally -k -0 - < <(printf 'echo a\necho b\0\0# not a comment to drover\necho c\0')
  prints a b c
}

@test "a template for each line of standard input" {
  for start in "${starts[@]}"; do
    capture "$start" -k 'echo [{}]' < <(printf 'x\n\n  y z  \n')
    prints '[x]' '[]' '[  y z  ]'
  done
}

@test "a template without a replacement string gets the arguments at its end" {
  capture locally -k echo got ::: a 'b  c'
  prints 'got a' 'got b  c'
}

@test "all combinations of several sources, the last one varying fastest" {
  for start in "${starts[@]}"; do
    capture "$start" -k 'echo {1}{2}{3}' ::: a b ::: 1 2 ::: x y
    prints a1x a1y a2x a2y b1x b1y b2x b2y
  done
}

@test "sources from files, also mixed with values" {
  printf 'f1\nf2\n' >first
  printf 's1\ns2' >second
  drover run --dry-run 'echo {1} {2} {3}' :::: first second ::: v
  prints 'echo f1 s1 v' 'echo f1 s2 v' 'echo f2 s1 v' 'echo f2 s2 v'
}

@test "standard input as a source of arguments among others" {
  drover run --dry-run 'echo {2} {1}' ::: a b :::: - < <(seq 2)
  prints 'echo 1 a' 'echo 2 a' 'echo 1 b' 'echo 2 b'
}

@test "process substitution is readable by the ranks" {
  capture locally -k 'echo {1}-{2}' :::: <(seq 2) ::: x
  prints 1-x 2-x
  capture locally <(echo 'echo from a descriptor')
  prints 'from a descriptor'
}

@test "a source without values is an empty batch, and takes no time for it" {
  for start in "${starts[@]}"; do
    capture timeout 60 "$BASH" -c "$(declare -f by_mpirun "$start"); $start --quiet 'echo {}' :::"
    prints "$(cat /dev/null)" || [ ! -s out ]
    [ "$status" -eq 0 ]
  done
}

@test "columns" {
  drover run --dry-run --colsep '[,;]' 'echo {3} {1} {2}' < <(printf 'a,b;c\nd;;f\n')
  prints 'echo c a b' "echo f d ''"
  drover run --dry-run --colsep ' +' 'echo {2}' ::: 'a   b' 'c d'
  prints 'echo b' 'echo d'
}

@test "hostile arguments reach the command as they are" {
  printf '%s\0' 'two  words' '"double"' "it's" '$HOME `id` $(id)' 'a*?[b]' '~' '#x' 'x=y' '-n' '\' 'a\nb' ';|&<>(){}' \
    '' $'new\nline' $'tab\t' $'\xff\xfe bytes' $'\x01\x1b[31m' '!hist' >arguments
  for start in "${starts[@]}"; do
    capture "$start" -k -0 'printf "%s\0" {}' <arguments
    exits 0
    cmp arguments out
  done
  # The same without a shell: what has no special character is executed directly.
  capture locally -k -0 'printf %s\\0 {}' <arguments
  exits 0
  cmp arguments out
}

@test "dry run prints what would run, once, with the slot left open" {
  drover run --dry-run 'cp {} /dest/{/}' ::: '/a b/c.txt' plain
  prints "cp '/a b/c.txt' /dest/c.txt" 'cp plain /dest/plain'
  drover run --dry-run 'echo {#} {%}' ::: x y
  prints 'echo 1 {%}' 'echo 2 {%}'
  capture by_mpirun "$DROVER" run --dry-run 'echo {}' ::: a b
  prints 'echo a' 'echo b'
  [ ! -e drover-runs ]
  drover run --dry-run -0 'echo {}' < <(printf 'a\nb\0c\0')
  printf "echo 'a\nb'\0echo c\0" | cmp - out
}

@test "work starts with the first line of a slow pipe" {
  for start in "${starts[@]}"; do
    rm -f first fifo
    mkfifo fifo
    "$start" - <fifo >out 2>err 3>&- &
    local pid=$!
    exec 4>fifo
    echo 'touch first' >&4
    waits_for test -e first
    echo 'echo second' >&4
    exec 4>&-
    status=0
    wait "$pid" || status=$?
    prints second
  done
}

@test "a template's first source is a stream too" {
  mkfifo fifo
  locally 'touch {1}{2}' :::: fifo ::: x y >out 2>err 3>&- &
  local pid=$!
  exec 4>fifo
  echo first >&4
  waits_for test -e firsty
  exec 4>&-
  wait "$pid"
  [ -e firstx ]
}

@test "a damaged line stops the input, and what came before it is done" {
  printf 'echo a\necho \0b\necho c\n' >tasks.txt
  capture locally -k tasks.txt
  exits 125
  [ "$(cat out)" = a ]
  says "'tasks.txt' line 2 contains a NUL byte" --null
}
