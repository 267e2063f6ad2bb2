#!/bin/bash
# Fails where a layer links or includes what is not to its left (src/README.md), or includes what it
# must not know of. Says each fault on a line: file:line: what.
# usage: check.sh SRC_DIR LAYERS_FILE   LAYERS_FILE, made by CMake: a line a layer, "name: what it links"
set -euo pipefail
src=$1 layers_file=$2

declare -A rank=([support]=0 [core]=1 [wire]=2 [journal]=3 [transport]=3 [exec]=3 [control]=3 [runtime]=4
  [input]=5 [output]=6 [client]=7 [records]=8 [cli]=9 [farm]=10)
declare -A links reachable
faults=0
fault() {
  echo "$*"
  faults=$((faults + 1))
}

while IFS=: read -r layer its_links; do
  links[$layer]=$its_links
  [ -n "${rank[$layer]:-}" ] || fault "layer '$layer' has no place in $0"
done <"$layers_file"

# Everything that LAYER may include: itself and what it links, directly or not.
reach() {
  local link
  reachable[$1]=" $1 "
  for link in ${links[$1]}; do
    [ -n "${reachable[$link]:-}" ] || reach "$link"
    reachable[$1]+=${reachable[$link]}
  done
}

# The layer that a path below drover/ belongs to.
layer_of() {
  case $1 in
    cli/input/* | cli/output/* | cli/client/* | cli/records/*) cut -d/ -f2 <<<"$1" ;;
    farm.hpp) echo farm ;;
    *) echo "${1%%/*}" ;;
  esac
}

for layer in "${!links[@]}"; do
  for link in ${links[$layer]}; do
    ((${rank[$link]:--1} < ${rank[$layer]:-99})) || fault "$layer links $link, which is not to its left"
  done
  reach "$layer"
done

while IFS=: read -r file line include; do
  path=${file#"$src/drover/"}
  layer=$(layer_of "$path")
  target=$(layer_of "$include")
  [[ ${reachable[$layer]:-} == *" $target "* ]] || fault "$file:$line: $layer includes drover/$include but does not link $target"
done < <(grep -rnoE --include='*.[ch]pp' '^#include "drover/[^"]+' "$src/drover" | sed 's,#include "drover/,,')

forbid() { # PATTERN LAYER...: no header that matches in these layers
  local pattern=$1 layer hit
  shift
  for layer; do
    while read -r hit; do fault "$hit: not in $layer"; done < \
      <(grep -rnE --include='*.[ch]pp' "^#include *[<\"]($pattern)" "$src/drover/$layer" || true)
  done
}
forbid 'mpi\.h|boost/mpi' support core wire journal exec control runtime cli farm
forbid 'boost/|thread>|mutex>|atomic>|future>|cstdio>|iostream>|fstream>|unistd\.h|sys/|sqlite|SQLite' core

((faults == 0))
