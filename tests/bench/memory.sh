#!/bin/bash
# Peak memory of the master against the length of the batch: lines of `:`, streamed.
# usage: DROVER=path memory.sh [LINES...]
. "$(dirname "$0")/lib.sh"
cd "$scratch"
[ $# -gt 0 ] || set -- 100000 1000000
for lines in "$@"; do
  { yes : 2>/dev/null || true; } | head -n "$lines" | "$DROVER" run -j 2 --slots 4 --run-dir "run$lines" --quiet - &
  drover=$!
  master=$(wait_for_master $drover)
  peak=0
  while kill -0 "$master" 2>/dev/null; do
    now=$(awk '/^VmHWM/ { print $2 }' "/proc/$master/status" 2>/dev/null) || break
    [ -z "$now" ] || peak=$now
    sleep 0.2
  done
  wait $drover
  printf '%9d lines: peak memory of the master %6d KiB, %s recorded\n' "$lines" "$peak" "$(($(wc -l <"run$lines/joblog.tsv") - 1))"
  rm -rf "run$lines"
done
