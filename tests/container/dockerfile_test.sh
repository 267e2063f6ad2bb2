#!/bin/bash
# docker/Dockerfile as it is, with its build stage, whose place the other tests' image takes from this machine's build:
# it compiles, and what comes of it runs. Without optimisation, for it is the Dockerfile that is tested here.
# usage: dockerfile_test.sh [OPTION of docker build...]   exits 77 with a word why where this machine cannot
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# Newer clients, when they find an older server, can build for it in the old way only.
export DOCKER_BUILDKIT=0
tag=drover-of-dockerfile
if ! timeout 20 docker info >/dev/null 2>&1; then
  echo 'skipped: no dockerd answers: start one, or set DOCKER_HOST'
  exit 77
fi
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
  echo 'skipped: no debian:bookworm-slim, which build-image.sh makes'
  exit 77
fi
docker build --quiet --force-rm --tag "$tag" --build-arg OPTIMIZE=-O0 "$@" --file "$top/docker/Dockerfile" "$top"
trap 'docker rmi --force "$tag" >/dev/null' EXIT
outputs=$(docker run --rm --tmpfs /tmp "$tag" run -j 2 -k 'echo {}' ::: 1 2 3 | tr '\n' ' ')
[ "$outputs" = '1 2 3 ' ] || { echo "FAILED: the image's program printed '$outputs'"; exit 1; }
