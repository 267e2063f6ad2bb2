# shellcheck shell=bash
# Sourced by the benchmarks. DROVER is the program to measure; figures go to stdout.
set -euo pipefail

: "${DROVER:=drover}"
command -v "$DROVER" >/dev/null || { echo "bench: no program '$DROVER': set DROVER" >&2; exit 1; }
DROVER=$(realpath "$(command -v "$DROVER")")

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# seconds COMMAND...: how long it takes; its output is dropped.
seconds() {
  local begin end
  begin=$(date +%s.%N)
  "$@" >/dev/null 2>&1 || { echo "bench: failed: $*" >&2; exit 1; }
  end=$(date +%s.%N)
  awk -v a="$begin" -v b="$end" 'BEGIN { printf "%.3f", b - a }'
}

# master_of RUN_DIR_PARENT...: the pid of the master rank below this shell, once there is one.
wait_for_master() {
  local pid deadline=$((SECONDS + 20))
  while ((SECONDS < deadline)); do
    for pid in $(descendants "$1"); do
      if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx 'OMPI_COMM_WORLD_RANK=0' &&
        [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$DROVER")" ]; then
        echo "$pid"
        return 0
      fi
    done
    sleep 0.05
  done
  echo "bench: no master rank appeared within 20 s" >&2
  return 1
}

# descendants PID: its children and theirs.
descendants() {
  local children child
  read -ra children < <(cat "/proc/$1/task/"*/children 2>/dev/null) || true
  for child in "${children[@]}"; do
    echo "$child"
    descendants "$child"
  done
}
