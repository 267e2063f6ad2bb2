#!/usr/bin/env bats
# What is in single quotes is for the shell of a task; `load` brings what is not assigned here.
# shellcheck disable=SC1003,SC1007,SC2010,SC2012,SC2016,SC2030,SC2031,SC2034,SC2086,SC2154
# Replacement strings mean what they mean to GNU parallel: the same arguments give the same words.

load lib

# same_as_parallel TEMPLATE ARGUMENT...: what the commands print is the same, in order.
same_as_parallel() {
  command -v parallel >/dev/null || skip "GNU parallel is not installed"
  parallel --version >/dev/null 2>&1 || skip "GNU parallel is not installed"
  parallel -j 2 -k --will-cite "$@" >expected 2>/dev/null
  capture locally -k "$@"
  exits 0
  diff expected out
}

paths=(plain dir/base.ext /abs/dir/base.tar.gz ./x. .hidden dir.d/base a/b/ / 'with space.txt' "quo'te.c" 'dollar$x.y' 'star*.z' ..
  a//b.c -dash.e)

@test "one argument in every form" {
  same_as_parallel 'printf "[%s]" {} {.} {/} {//} {/.} {#}; echo' ::: "${paths[@]}"
}

@test "the same with a position" {
  same_as_parallel 'printf "[%s]" {1} {1.} {1/} {1//} {1/.} {2} {2.} {2/} {2//} {2/.}; echo' \
    ::: "${paths[@]}" ::: other/file.txt 'x y'
}

@test "positions from the end, and all arguments at once" {
  same_as_parallel 'printf "[%s]" {-1} {-2} {-1.} {-2/} {}; echo' ::: a/1.x b/2.y ::: c/3.z 'd d'
}

@test "forms of all arguments" {
  same_as_parallel 'printf "[%s]" {.} {/} {//} {/.}; echo' ::: a/1.x b/2.y ::: c/3.z
}

@test "braces that are no replacement string stay" {
  same_as_parallel 'printf "[%s]" "{x}" "{ }" "{}}" "{{}" {}; echo' ::: v
}

@test "columns and their positions" {
  parallel --version >/dev/null 2>&1 || skip "GNU parallel is not installed"
  printf 'a,b.c,d/e.f\ng,,h\n' >rows
  parallel -k --will-cite --colsep , 'printf "[%s]" {2} {3/} {3.} {1}; echo' <rows >expected
  capture locally -k --colsep , 'printf "[%s]" {2} {3/} {3.} {1}; echo' <rows
  exits 0
  diff expected out
}

@test "{%} is a slot between 1 and their number, and the environment says the same" {
  for start in "${starts[@]}"; do
    capture "$start" --slots 2 'echo {%} $PARALLEL_JOBSLOT; sleep 0.05 # {}' ::: $(seq 12)
    exits 0
    [ "$(awk '$1 != $2 || $1 < 1 || $1 > 4' out)" = "" ]
    [ "$(sort -u out | wc -l)" -gt 1 ]
  done
}

@test "two tasks that run at the same time have different slots" {
  capture locally --slots 2 'mkdir slot-{%} && sleep 0.02 && rmdir slot-{%} # {}' ::: $(seq 40)
  exits 0
}
