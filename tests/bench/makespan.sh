#!/bin/bash
# How close to the ideal a batch of unequal tasks ends: 2,000 sleeps of 0-50 ms on 8 slots, against
# their sum divided by 8. usage: DROVER=path makespan.sh [WORKERS SLOTS]
. "$(dirname "$0")/lib.sh"
workers=${1:-8} slots=${2:-1}
cd "$scratch"
awk 'BEGIN { srand(7); for (i = 0; i < 2000; ++i) printf "sleep %.4f\n", rand() * 0.05 }' >tasks
ideal=$(awk -v n=$((workers * slots)) '{ s += $2 } END { printf "%.3f", s / n }' tasks)
"$DROVER" run -j "$workers" --slots "$slots" --run-dir run --quiet tasks
# From the first start to the last end, by the job log: starting MPI is not the scheduler's to answer for.
awk -v ideal="$ideal" -v w="$workers" -v k="$slots" 'NR > 1 { if (!b || $3 < b) b = $3; if ($3 + $4 > e) e = $3 + $4 }
  END { printf "%d ranks x %d slots: ideal %.3f s, took %.3f s, %.1f %% over\n", w, k, ideal, e - b, (e - b) / ideal * 100 - 100 }' run/joblog.tsv
