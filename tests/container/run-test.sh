#!/bin/bash
# Runs a bats file on the image of the program under test.
# usage: run-test.sh PROGRAM FILE   exits 77 with a word why where there is no Docker to do it with
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export DROVER_IMAGE=drover-test
if ! command -v bats >/dev/null; then echo 'skipped: bats is not installed' && exit 77; fi
"$here/build-image.sh" "$1" "$DROVER_IMAGE"
exec bats "$2"
