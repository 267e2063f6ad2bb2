#!/bin/bash
# From a fresh Debian 12 or 13 to an installed drover: installs the packages that it is built from and
# tested with, builds it in build/release and installs it (default: in /usr/local).
# usage: src/setup.sh [CMAKE_OPTION...]   such as -DCMAKE_INSTALL_PREFIX=$HOME/.local
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build pkg-config
  libopenmpi-dev openmpi-bin openssh-client
  libboost-mpi-dev libboost-serialization-dev libcli11-dev libspdlog-dev nlohmann-json3-dev
  libsqlitecpp-dev libsqlite3-dev libre2-dev
  catch2 bats procps sqlite3
)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if ! command -v apt-get >/dev/null; then
  echo "setup: no apt-get here; what Debian calls ${packages[*]} must be there already" >&2
elif ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
fi

cmake --preset release "$@"
cmake --build --preset release
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' build/release/CMakeCache.txt)
if mkdir -p "$prefix/bin" 2>/dev/null && [ -w "$prefix/bin" ]; then
  cmake --install build/release
else
  as_root cmake --install build/release
fi
echo "setup: $prefix/bin/drover is installed: $("$prefix/bin/drover" --version | head -n 1)"
