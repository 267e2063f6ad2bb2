#!/bin/bash
# Commands a second: drover against a bare posix_spawn loop, xargs -P and GNU parallel, in one run.
# usage: DROVER=path SPAWN_BASELINE=path commands.sh [COMMANDS [CONCURRENCY]]
. "$(dirname "$0")/lib.sh"
num=${1:-20000} jobs=${2:-2}
: "${SPAWN_BASELINE:?path of the spawn_baseline program}"
yes /bin/true 2>/dev/null | head -n "$num" >"$scratch/tasks" || true
cd "$scratch"

bare=$(seconds "$SPAWN_BASELINE" "$num" "$jobs" /bin/true)
report() { awk -v n="$num" -v s="$2" -v b="$bare" -v w="$1" 'BEGIN { printf "%-34s %8.0f /s   %.2f of bare\n", w, n / s, b / s }'; }
echo "$num times /bin/true, $jobs at once"
report "bare posix_spawn" "$bare"
report "drover run -j $jobs" "$(seconds "$DROVER" run -j "$jobs" --quiet tasks)"
report "drover run -j 1 --slots $jobs" "$(seconds "$DROVER" run -j 1 --slots "$jobs" --quiet tasks)"
report "xargs -P $jobs" "$(seconds xargs -a tasks -d '\n' -n 1 -P "$jobs" env)"
if command -v parallel >/dev/null; then
  report "GNU parallel -j $jobs" "$(seconds parallel --will-cite -j "$jobs" -a tasks)"
else
  echo "GNU parallel: not installed"
fi
