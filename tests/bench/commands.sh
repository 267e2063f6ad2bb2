#!/bin/bash
# Commands a second: drover against a bare posix_spawn loop, xargs -P and GNU parallel, in one run. Of
# drover also without starting and ending its MPI job, by its job log: what a long batch sees.
# usage: DROVER=path SPAWN_BASELINE=path commands.sh [COMMANDS [CONCURRENCY]]
. "$(dirname "$0")/lib.sh"
num=${1:-20000} jobs=${2:-2}
: "${SPAWN_BASELINE:?path of the spawn_baseline program}"
yes /bin/true 2>/dev/null | head -n "$num" >"$scratch/tasks" || true
cd "$scratch"

bare=$("$SPAWN_BASELINE" "$num" "$jobs" /bin/true)
report() { awk -v n="$num" -v s="$2" -v b="$bare" -v w="$1" 'BEGIN { printf "%-40s %8.0f /s   %.2f of bare\n", w, n / s, b / s }'; }
# report_drover OPTION...
report_drover() {
  report "drover run $*" "$(seconds "$DROVER" run "$@" --run-dir run --quiet tasks)"
  report "  once it has started" "$(awk 'NR > 1 { if (!b || $3 < b) b = $3; if ($3 + $4 > e) e = $3 + $4 }
    END { printf "%.3f", e - b }' run/joblog.tsv)"
  rm -rf run
}
echo "$num times /bin/true, $jobs at once"
report "bare posix_spawn" "$bare"
report_drover -j "$jobs"
report_drover -j 1 --slots "$jobs"
report "xargs -P $jobs" "$(seconds xargs -a tasks -d '\n' -n 1 -P "$jobs" env)"
if command -v parallel >/dev/null; then
  report "GNU parallel -j $jobs" "$(seconds parallel --will-cite -j "$jobs" -a tasks)"
else
  echo "GNU parallel: not installed"
fi
