#!/bin/bash
# Bytes a second that an argument, a result and a broadcast value make from submit() to get(), as parts of what a bare
# MPI_Send makes of as many bytes beside it, with the same transport: of use on a quiet machine only.
# usage: TRANSFER_FARM=path TRANSFER_BASELINE=path transfers.sh [drover's options, such as --durability off]
set -euo pipefail
: "${TRANSFER_FARM:?path of the transfer_farm program}" "${TRANSFER_BASELINE:?path of the transfer_baseline program}"
TRANSFER_FARM=$(realpath "$TRANSFER_FARM") TRANSFER_BASELINE=$(realpath "$TRANSFER_BASELINE")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

while read -r what size; do
  bare=$(mpirun -n 2 --oversubscribe --bind-to none --mca btl self,vader --mca btl_vader_single_copy_mechanism none \
    "$TRANSFER_BASELINE" "$size" 2>/dev/null)
  farm=$("$TRANSFER_FARM" -j 1 "$@" "$what" "$size")
  awk -v bare="${bare##* }" -v farm="${farm##* }" -v what="$what" -v size="$size" \
    'BEGIN { printf "%-10s %11d bytes  %8.1f MB/s, bare MPI_Send %8.1f MB/s: %.2f\n", what, size, farm, bare, farm / bare }'
done <<'END'
argument 1000000
argument 8000000
argument 64000000
argument 1073741824
result 10000000
result 50000000
broadcast 100000000
END
