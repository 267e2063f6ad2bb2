#!/bin/bash
# Ends the dockerd that dockerd-start.sh DIR started, its containers with it, and removes DIR.
# usage: dockerd-stop.sh DIR
set -euo pipefail
dir=$1
export DOCKER_HOST=unix://$dir/docker.sock
if [ -s "$dir/dockerd.pid" ]; then
  docker ps -q | xargs -r docker kill >/dev/null || true
  dockerd=$(<"$dir/dockerd.pid")
  kill "$dockerd"
  for ((i = 0; i < 300; ++i)); do
    kill -0 "$dockerd" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$dockerd" 2>/dev/null || true
fi
if [ -s "$dir/bridge" ]; then ip link delete "$(<"$dir/bridge")"; fi
# A container on the host's network leaves a mount of its name space behind.
if mountpoint -q "$dir/exec/netns/default"; then umount "$dir/exec/netns/default"; fi
rm -rf "$dir"
