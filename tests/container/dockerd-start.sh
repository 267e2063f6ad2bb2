#!/bin/bash
# Starts a dockerd of one's own, with all its state under DIR, and waits until it answers. Root.
# usage: dockerd-start.sh DIR; then DOCKER_HOST=unix://DIR/docker.sock; dockerd-stop.sh DIR ends it
set -euo pipefail
dir=$1
mkdir -p "$dir"
export DOCKER_HOST=unix://$dir/docker.sock
dockerd --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
  --storage-driver overlay2 >"$dir/dockerd.log" 2>&1 </dev/null &
dockerd=$!
for ((i = 0; i < 300; ++i)); do
  if docker info >/dev/null 2>&1; then exit 0; fi
  kill -0 $dockerd 2>/dev/null || break
  sleep 0.1
done
echo "dockerd-start: dockerd does not answer; its log ends:" >&2
tail -n 20 "$dir/dockerd.log" >&2
kill $dockerd 2>/dev/null || true
exit 1
