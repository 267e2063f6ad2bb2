#!/bin/bash
# One slurmd of the cluster in DIR (start.sh), in a UTS namespace of its own: the parent keeps its host name.
# usage: start-node.sh DIR NODE
set -euo pipefail
dir=$1 node=$2
mkdir -p "$dir/spool/$node" "$dir/tmp/$node"
chmod 1777 "$dir/tmp/$node"
SLURM_CONF=$dir/slurm.conf setsid unshare --uts sh -c "hostname $node; exec /usr/sbin/slurmd -D -N $node" \
  >>"$dir/log/slurmd.$node.out" 2>&1 </dev/null &
