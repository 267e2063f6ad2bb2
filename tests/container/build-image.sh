#!/bin/bash
# The image that the container tests share: docker/Dockerfile, whose build stage is replaced with the
# program that this machine has built, where it is the image's Debian; elsewhere the whole Dockerfile.
# usage: build-image.sh PROGRAM TAG [MACHINE]   exits 77 with a word why where this machine cannot
# MACHINE: of Debian 13, with the program that is in this image, which fresh-machine.sh has kept.
set -euo pipefail
program=$(realpath "$1") tag=$2 machine=${3:-}
top=$(cd "$(dirname "$0")/../.." && pwd)
# Newer clients, when they find an older server, can build for it in the old way only.
export DOCKER_BUILDKIT=0

skip() {
  echo "skipped: $*"
  exit 77
}
command -v docker >/dev/null || skip 'docker is not installed'
timeout 20 docker info >/dev/null 2>&1 || skip 'no dockerd answers: start one, or set DOCKER_HOST'

[ -z "$machine" ] || docker image inspect "$machine" >/dev/null 2>&1 ||
  skip "no image $machine: DROVER_KEEP_AS=$machine tests/container/fresh-machine.sh trixie makes it"
suite=${machine:+trixie}
suite=${suite:-bookworm}
base=debian:$suite-slim
if docker image inspect "$base" >/dev/null 2>&1; then
  :
elif [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null; then
  "$top/docker/make-base-image.sh" "$suite" "$base"
elif ! timeout 120 docker pull -q "$base" 2>/dev/null; then
  skip "no $base: no registry answers, and docker/make-base-image.sh needs root and debootstrap"
fi

uid=$(id -u)
[ "$uid" != 0 ] || uid=1000
build=(docker build --quiet --force-rm --tag "$tag" --build-arg UID="$uid" --build-arg BASE="$base")
if [ -z "$machine" ] && [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" != bookworm ]; then
  "${build[@]}" --file "$top/docker/Dockerfile" "$top"
  exit
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/docker" "$context/built/bin"
cp "$top"/docker/{entrypoint,{ssh,sshd,ssh_launch,sshd_launch}_config} "$context/docker"
# without_build_stage STAGE SOURCE: the Dockerfile with another stage, and what it copies from there.
without_build_stage() {
  awk -v stage="$1" -v source="$2" '/ AS build$/ { skipped = 1; printf "%s", stage }
    /^FROM/ && !/ AS build$/ { skipped = 0 }
    !skipped { sub(/--from=build \/out/, source); print }' "$top/docker/Dockerfile"
}
if [ -n "$machine" ]; then
  without_build_stage "FROM $machine AS build\nRUN mkdir -p /out/bin && \
strip -o /out/bin/drover /drover/build/release/src/drover/farm/drover && \
/drover/docker/packages-of /out/bin/drover >/out/packages\n" '--from=build /out' >"$context/Dockerfile"
else
  strip -o "$context/built/bin/drover" "$program"
  "$top/docker/packages-of" "$program" >"$context/built/packages"
  without_build_stage '' built >"$context/Dockerfile"
fi
"${build[@]}" "$context"
