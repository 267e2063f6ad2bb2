#!/bin/bash
# Installs into a scratch prefix, then configures, builds and runs a project that finds drover there.
# usage: consumer_test.sh CMAKE BUILD_DIR COMPILER SANITIZER_FLAG
set -euo pipefail
cmake=$1 build=$2 compiler=$3 sanitize=${4%-fsanitize=}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$cmake" --install "$build" --prefix "$scratch/prefix" >/dev/null
"$scratch/prefix/bin/drover" --version

# Moved, it must still be found: no path of the build or of the first prefix may be in it.
mv "$scratch/prefix" "$scratch/moved"
"$cmake" -G Ninja -S "$here/project" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/moved" -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$sanitize" -Werror=dev
"$cmake" --build "$scratch/build"
"$scratch/build/consumer"
"$scratch/build/farm" -j 1 --run-dir "$scratch/run"
