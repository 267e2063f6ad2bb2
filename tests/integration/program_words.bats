#!/usr/bin/env bats
# The words that a program of the library was called with reach every process of it, as they are. PROGRAM is
# words_program.

bats_require_minimum_version 1.5.0

load ../cli/killing

words=(: touch made -- -n 3 '' "it's" $'a\nb')
brackets="[:][touch][made][--][-n][3][][it's]"$'[a\nb]'

@test "a program's words are no words of the mpirun that it starts" {
  timeout 100 "$PROGRAM" -j 2 --run-dir run -- "${words[@]}" >out
  [ "$(cat out)" = "session $brackets"$'\n'"worker $brackets"$'\n'"worker $brackets" ]
  [ ! -e made ]
}

@test "nor of the mpirun of a group that joins" {
  timeout 100 "$PROGRAM" -j 1 --run-dir run -- "${words[@]}" >out 3>&- &
  until_true 60 "$PROGRAM" --drover status --run run
  timeout 60 "$PROGRAM" --drover scale add --run run --population 1
  wait $!
  [ "$(cat out)" = "session $brackets"$'\n'"worker $brackets"$'\n'"worker $brackets" ]
  [ ! -e made ]
}
