#!/bin/bash
# Ends the Slurm that start.sh DIR started, its jobs first: a slurmd with a running job takes its time.
# usage: stop.sh DIR
set -euo pipefail
dir=$1
export SLURM_CONF=$dir/slurm.conf
if [ -s "$dir/run/slurmctld.pid" ]; then
  squeue -h -o %i | xargs -r scancel || true
  for ((i = 0; i < 300; ++i)); do
    if [ -z "$(squeue -h 2>/dev/null)" ]; then break; fi
    sleep 0.1
  done
fi
for file in "$dir"/run/slurmd.*.pid "$dir/run/slurmctld.pid" "$dir/run/munged.pid"; do
  [ -s "$file" ] || continue
  pid=$(<"$file")
  kill "$pid" 2>/dev/null || continue
  for ((i = 0; i < 100; ++i)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
done
rm -rf "$dir"
