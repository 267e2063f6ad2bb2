#!/bin/bash
# What waiting costs: CPU time of all processes of a farm of 1 master and 4 workers that has nothing
# to do for 30 s, and that has one long task. usage: DROVER=path idle.sh [SECONDS]
. "$(dirname "$0")/lib.sh"
duration=${1:-30}
cd "$scratch"

# cpu_seconds PID: of it and its descendants.
cpu_seconds() {
  local pid
  for pid in "$1" $(descendants "$1"); do cat "/proc/$pid/stat" 2>/dev/null || true; done |
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); t += $12 + $13 } END { printf "%.2f", t / hz }'
}

measure() { # NAME INPUT_COMMAND
  local before after
  mkfifo "$scratch/in-$1"
  "$DROVER" run -j 4 --quiet - <"$scratch/in-$1" &
  local drover=$!
  exec 9>"$scratch/in-$1"
  wait_for_master $drover >/dev/null
  printf '%s\n' "$2" >&9
  sleep 2 # starting up is not waiting
  before=$(cpu_seconds $drover)
  sleep "$duration"
  after=$(cpu_seconds $drover)
  exec 9>&-
  wait $drover
  awk -v a="$before" -v b="$after" -v s="$duration" -v w="$1" 'BEGIN { printf "%-10s %.2f s of CPU in %d s: %.2f %% of a core\n", w, b - a, s, (b - a) / s * 100 }'
}

measure idle '# nothing'
measure one-task "sleep $((duration + 2))"
