#!/bin/bash
# Empty function tasks a second with 1, 2 and 4 workers, against one at a time (--prefetch 0) and a bare
# MPI ping-pong, in one run; efficiency for tasks of 1 and 10 ms; latency of a single task.
# usage: FUNCTIONS_FARM=path PINGPONG_BASELINE=path functions.sh [TASKS]
set -euo pipefail
num=${1:-50000}
: "${FUNCTIONS_FARM:?path of the functions_farm program}" "${PINGPONG_BASELINE:?path of the pingpong_baseline program}"
FUNCTIONS_FARM=$(realpath "$FUNCTIONS_FARM") PINGPONG_BASELINE=$(realpath "$PINGPONG_BASELINE")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

for workers in 1 2 4; do
  echo "$workers workers, $num empty tasks"
  printf '  %-28s %s\n' "bare MPI, one at a time" \
    "$(mpirun -n $((workers + 1)) --oversubscribe --bind-to none --mca btl self,vader "$PINGPONG_BASELINE" "$num" 2>/dev/null)"
  printf '  %-28s %s\n' "drover --prefetch 0" "$("$FUNCTIONS_FARM" -j "$workers" --prefetch 0 empty $((num / 10)))"
  printf '  %-28s %s\n' "drover" "$("$FUNCTIONS_FARM" -j "$workers" empty "$num")"
  printf '  %-28s %s\n' "drover, 1000 calls a task" "$("$FUNCTIONS_FARM" -j "$workers" chunks $((num * 100)))"
done
echo "2 workers: wall time against work (half of it is ideal)"
printf '  %-28s %s\n' "2000 tasks of 1 ms" "$("$FUNCTIONS_FARM" -j 2 spin 2000 1000)"
printf '  %-28s %s\n' "400 tasks of 10 ms" "$("$FUNCTIONS_FARM" -j 2 spin 400 10000)"
echo "1 worker, and a core for the master: wall time against work"
printf '  %-28s %s\n' "1000 tasks of 1 ms" "$("$FUNCTIONS_FARM" -j 1 spin 1000 1000)"
printf '  %-28s %s\n' "200 tasks of 10 ms" "$("$FUNCTIONS_FARM" -j 1 spin 200 10000)"
echo "1 worker: a single task, there and back"
printf '  %-28s %s\n' "drover" "$("$FUNCTIONS_FARM" -j 1 single 1000)"
