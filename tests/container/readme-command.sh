#!/bin/bash
# Prints the Nth command of the README's first screen, so that what is proved is what is written.
# usage: readme-command.sh 1|2   1: sets up and runs the main job; 2: runs the tests
set -euo pipefail
awk -v wanted="$1" '
  /^```sh$/ { ++block; inside = 1; next }
  /^```$/ { inside = 0 }
  inside && block == wanted { print; ++lines }
  END { exit !lines }' "$(dirname "$0")/../../README.md"
