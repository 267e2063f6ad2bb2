#!/bin/bash
# Proves the README on a machine that has nothing: a container of a minimal Debian, the committed tree,
# and the README's two commands, verbatim. Other commands can be given instead.
# usage: fresh-machine.sh [SUITE [COMMAND...]]   SUITE: bookworm (default) or trixie
# DROVER_KEEP_AS: the name of an image to keep it as.
# Needs dockerd (DOCKER_HOST), and root to make the base image.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
suite=${1:-bookworm}
shift || true
if [ $# = 0 ]; then set -- "$("$here/readme-command.sh" 1)" "$("$here/readme-command.sh" 2)"; fi

image=debian:$suite-slim
docker image inspect "$image" >/dev/null 2>&1 || "$top/docker/make-base-image.sh" "$suite" "$image"
container=$(docker run --detach --init "$image" sleep infinity)
trap 'docker rm --force "$container" >/dev/null' EXIT

docker exec "$container" mkdir /drover
git -C "$top" archive HEAD | docker cp - "$container:/drover"
for command; do
  printf '\n%s $ %s\n' "$suite" "$command"
  docker exec --workdir /drover "$container" bash -c "$command" </dev/null
done
if [ -n "${DROVER_KEEP_AS:-}" ]; then docker commit "$container" "$DROVER_KEEP_AS" >/dev/null; fi
