#!/usr/bin/env bats
# The layers of src/README.md hold, and what watches over them sees a breach.

setup() {
  check=$BATS_TEST_DIRNAME/check.sh
  src=$BATS_TEST_DIRNAME/../../src
  copy=$BATS_TEST_TMPDIR
}

# syntax_check SOURCE INCLUDE: compiles one line as that source is compiled.
syntax_check() {
  local command
  command=$(grep -m 1 "\"command\": .*/$1\"" "$BUILD_DIR/compile_commands.json" |
    sed 's/.*"command": "//; s/ -o .*//; s/\\"/"/g')
  [ -n "$command" ]
  echo "#include <$2>" | eval "$command -fsyntax-only -x c++ -"
}

# breach FILE LINE: what the check says of a copy of the tree in which FILE also has LINE.
breach() {
  cp -r "$src/drover" "$copy/"
  echo "$2" >>"$copy/drover/$1"
  run "$check" "$copy" "$LAYERS"
  [ "$status" -ne 0 ]
}

@test "each layer links and includes only what is to its left" {
  run "$check" "$src" "$LAYERS"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "no layer but the transport finds mpi.h" {
  for source in support/error.cpp core/scheduler.cpp wire/envelope.cpp exec/spawn.cpp control/connection.cpp; do
    run syntax_check "drover/$source" mpi.h
    echo "$source: $output"
    [ "$status" -ne 0 ]
    [[ $output == *"mpi.h: No such file"* ]]
  done
  syntax_check drover/transport/mpi_transport.cpp mpi.h
}

@test "an include of a layer to the right is found" {
  breach core/scheduler.hpp '#include "drover/wire/messages.hpp"'
  [[ $output == *"scheduler.hpp:"*"core includes drover/wire/messages.hpp but does not link wire"* ]]
}

@test "an adapter that includes another is found" {
  breach exec/spawn.cpp '#include "drover/journal/journal.hpp"'
  [[ $output == *"exec includes drover/journal/journal.hpp"* ]]
}

@test "MPI outside the transport is found" {
  breach runtime/clock.hpp '#include <mpi.h>'
  [[ $output == *"clock.hpp:"*"not in runtime"* ]]
}

@test "a thread in the core is found" {
  breach core/ids.hpp '#include <thread>'
  [[ $output == *"ids.hpp:"*"not in core"* ]]
}

@test "a link to the right is found" {
  sed 's/^core:.*/& runtime/' "$LAYERS" >"$copy/layers"
  run "$check" "$src" "$copy/layers"
  [ "$status" -ne 0 ]
  [[ $output == *"core links runtime"* ]]
}
