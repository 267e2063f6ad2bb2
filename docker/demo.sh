#!/bin/bash
# From nothing to a farm of containers at work, in a minute or two: a master and two containers of
# workers paint a picture, a third joins them, one is killed, and no part of the picture is missing.
# usage: demo.sh   DROVER_IMAGE: an image to take; default: build one (see README.md)
# Needs docker. Where no registry answers, it makes the base image, which needs root and debootstrap.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
iterations=${DEMO_ITERATIONS:-400000} # for a point of the picture: the more, the longer the work
num_rows=44 num_tiles=6              # a task for each tile of each row
farm=drover-demo-$$
scratch=$(mktemp -d)

step() { printf '\n\e[1m== %s\e[0m\n' "$*"; }

leave() {
  docker ps --all --quiet --filter "label=$farm" | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
  docker network rm "$farm" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap leave EXIT

make_image() {
  # Newer clients, when they find an older server, can build for it in the old way only.
  export DOCKER_BUILDKIT=0
  docker image inspect debian:bookworm-slim >/dev/null 2>&1 || docker pull --quiet debian:bookworm-slim ||
    "$here/make-base-image.sh"
  docker build --tag "$1" --file "$here/Dockerfile" "$here/.."
}

# The Mandelbrot set; what is inside takes all the iterations, what is outside few: uneven work.
make_work() {
  cat >"$scratch/input/tile.awk" <<'END'
BEGIN {
  width = 16
  for (column = tile * width; column < (tile + 1) * width; ++column) {
    a = -2.1 + 2.9 * column / (width * num_tiles); b = -1.15 + 2.3 * (row + 0.5) / num_rows
    for (x = y = n = 0; n < iterations && x * x + y * y < 4; ++n) { t = x * x - y * y + a; y = 2 * x * y + b; x = t }
    text = text (n == iterations ? "@" : substr(" ..::-=+*%#", n < 11 ? n + 1 : 11, 1))
  }
  printf "%02d %d |%s\n", row, tile, text
}
END
  local row tile
  for ((row = 0; row < num_rows; ++row)); do
    for ((tile = 0; tile < num_tiles; ++tile)); do
      echo "mawk -v row=$row -v tile=$tile -v num_rows=$num_rows -v num_tiles=$num_tiles -v iterations=$iterations" \
        "-f /input/tile.awk"
    done
  done >"$scratch/input/tasks.txt"
}

# container NAME ROLE: what compose.yaml says, in a command.
container() {
  docker run --detach --label "$farm" --name "$farm-$1" --hostname "$1" --network "$farm" --network-alias "$1" \
    --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --volume "$scratch/keys:/run/secrets:ro" --volume "$scratch/input:/input:ro" \
    --env DROVER_MASTER=master --env DROVER_POPULATION=2 --env DROVER_HEARTBEAT=500ms --env DROVER_LEASE=3s \
    "$image" "$2" >/dev/null
}

follow() { docker logs --follow "$farm-$1" 2>&1 | sed --unbuffered 's/^/  /' & }

is_running() { [ "$(docker inspect --format '{{.State.Running}}' "$farm-$1")" = true ]; }

# The batch may have ended before all that is to be shown, on a machine that has much else to do.
status() { ! is_running master || docker exec "$farm-master" drover status --run /var/lib/drover/run || true; }

# until_said NAME WORDS: a line of its log has them, or it has ended.
until_said() {
  until docker logs "$farm-$1" 2>&1 | grep -qF -- "$2"; do
    is_running "$1" || return 0
    sleep 0.2
  done
}

image=${DROVER_IMAGE:-drover}
if [ -z "${DROVER_IMAGE:-}" ]; then
  step "An image for master and workers"
  make_image "$image"
fi

step "Keys for this farm, a network of its own, and $((num_rows * num_tiles)) tasks"
mkdir "$scratch/input"
chmod 755 "$scratch"
"$here/make-keys.sh" "$scratch/keys"
docker network create --internal --label "$farm" "$farm" >/dev/null
make_work
head -n 1 "$scratch/input/tasks.txt"

step "A master, and two containers of two workers each"
container master master
follow master
container w1 worker
container w2 worker
until_said master 'on w1'
until_said master 'on w2'

step "One more container of workers, while the tasks run"
container w3 worker
until_said master 'on w3'
sleep 2
status

step "Container w1 is killed: docker kill w1"
! is_running w1 || docker kill "$farm-w1" >/dev/null
until_said master 'group 0 is lost'

step "The others go on"
status
exit_status=$(docker wait "$farm-master")
wait # for the rest of its log

step "What has come of it"
docker cp "$farm-master:/var/lib/drover/run" "$scratch/run" >/dev/null
sort "$scratch/run/outputs/stdout" | awk -F '|' '
  { tile = substr($1, 4, 1); line = (tile == 0 ? "" : line) $2 }
  tile == num_tiles - 1 { print "  " line }' num_tiles=$num_tiles
tail -n +2 "$scratch/run/joblog.tsv" | awk -F '\t' '
  { ++num[$2]; seconds[$2] += $4 }
  END { for (host in num) printf "  %-4s %3d tasks, %6.1f s of work\n", host, num[host], seconds[host] }' | sort
num_done=$(sort -u "$scratch/run/outputs/stdout" | wc -l)
echo "  $num_done of $((num_rows * num_tiles)) tiles are there, each once; the master's exit status: $exit_status"
[ "$num_done" = $((num_rows * num_tiles)) ] && [ "$exit_status" = 0 ]
