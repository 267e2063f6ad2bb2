#!/bin/bash
# Starts a dockerd of one's own, with all its state under DIR, and waits until it answers. Root. Beside another
# dockerd it has a bridge of its own: two that share docker0 give their containers the same addresses.
# usage: dockerd-start.sh DIR; then DOCKER_HOST=unix://DIR/docker.sock; dockerd-stop.sh DIR ends it
set -euo pipefail
dir=$1
mkdir -p "$dir"
export DOCKER_HOST=unix://$dir/docker.sock
bridge=()
if [ -e /sys/class/net/docker0 ]; then
  number=$(cksum <<<"$dir" | cut -d ' ' -f 1)
  bridge=(--bridge "dk$number")
  echo "dk$number" >"$dir/bridge"
  ip link add "dk$number" type bridge
  ip address add "10.213.$((number % 256)).1/24" dev "dk$number"
fi
dockerd "${bridge[@]}" --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
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
