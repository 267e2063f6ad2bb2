#!/bin/bash
# From `drover scale add --population 4` to the first task that its group starts, by each way in, against
# a bare MPI_Comm_spawn of as many ranks in the same run.
# usage: DROVER=path GROUP_BASELINE=path groups.sh [ROUNDS]
. "$(dirname "$0")/lib.sh"
rounds=${1:-3} population=4
: "${GROUP_BASELINE:?path of the group_baseline program}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$scratch"

bare=$(mpirun -n 1 --oversubscribe --mca btl_tcp_if_include lo "$GROUP_BASELINE" $population "$rounds")
echo "bare MPI_Comm_spawn of $population: $bare s"

yes 'sleep 0.02' | head -n 100000 >tasks || true
"$DROVER" run -j 1 --run-dir run --quiet tasks &
drover=$!
wait_for_master $drover >/dev/null
until [ -S run/control.sock ]; do sleep 0.05; done
# The time of the first attempt that starts on a worker of group $1.
first_start() {
  awk -v g="\"group\":$1," '
    /"event":"worker_joined"/ && index($0, g) { match($0, /"worker":[0-9]+/); mine[substr($0, RSTART, RLENGTH)] = 1 }
    /"event":"attempt_dispatched"/ { match($0, /"worker":[0-9]+/); w = substr($0, RSTART, RLENGTH)
      if (w in mine) { match($0, /"task":[0-9]+/); task[substr($0, RSTART, RLENGTH)] = 1 } }
    /"event":"attempt_started"/ { match($0, /"task":[0-9]+/)
      if (substr($0, RSTART, RLENGTH) in task) { match($0, /"t":[0-9.]+/); print substr($0, RSTART + 4, RLENGTH - 4); exit } }
  ' run/events.jsonl
}
group=0
for via in spawn join; do
  sum=0
  for _ in $(seq "$rounds"); do
    begin=$(date +%s.%N)
    "$DROVER" scale add --run run --population $population --via $via >/dev/null
    group=$((group + 1))
    for _ in $(seq 200); do start=$(first_start $group); [ -n "$start" ] && break; sleep 0.05; done
    sum=$(awk -v s="$sum" -v a="$begin" -v b="$start" 'BEGIN { printf "%.3f", s + b - a }')
    "$DROVER" scale drain --run run --wait "group:$group" >/dev/null
    sleep 2
  done
  awk -v s="$sum" -v n="$rounds" -v b="$bare" -v v="$via" \
    'BEGIN { printf "drover scale add --via %s, to the first task: %.3f s, %.2f of bare\n", v, s / n, s / n / b }'
done
"$DROVER" stop --run run --now >/dev/null
wait $drover || true
