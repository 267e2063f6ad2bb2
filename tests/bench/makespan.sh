#!/bin/bash
# How close to the ideal a batch of unequal tasks ends: 2,000 sleeps of 0-50 ms on 8 slots, against their
# sum divided by 8, and against a bare posix_spawn loop: starting and reaping a program takes its time, too.
# usage: DROVER=path SPAWN_BASELINE=path makespan.sh [WORKERS SLOTS]
. "$(dirname "$0")/lib.sh"
workers=${1:-8} slots=${2:-1}
: "${SPAWN_BASELINE:?path of the spawn_baseline program}"
cd "$scratch"
awk 'BEGIN { srand(7); for (i = 0; i < 2000; ++i) printf "sleep %.4f\n", rand() * 0.05 }' >tasks
ideal=$(awk -v n=$((workers * slots)) '{ s += $2 } END { printf "%.3f", s / n }' tasks)
bare=$("$SPAWN_BASELINE" --lines tasks $((workers * slots)))
"$DROVER" run -j "$workers" --slots "$slots" --run-dir run --quiet tasks
# From the first start to the last end, by the job log: starting MPI is not the scheduler's to answer for.
awk -v ideal="$ideal" -v bare="$bare" -v w="$workers" -v k="$slots" '
  NR > 1 { if (!b || $3 < b) b = $3; if ($3 + $4 > e) e = $3 + $4 }
  END { t = e - b; printf "%d ranks x %d slots: ideal %.3f s, bare %.3f s (%.1f %% over), drover %.3f s: %.1f %% over the ideal, %.1f %% over bare\n",
        w, k, ideal, bare, (bare / ideal - 1) * 100, t, (t / ideal - 1) * 100, (t / bare - 1) * 100 }' run/joblog.tsv
