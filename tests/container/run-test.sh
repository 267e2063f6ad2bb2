#!/bin/bash
# Runs a bats file on the image of the program under test.
# usage: run-test.sh PROGRAM FILE [MACHINE]   (see build-image.sh) exits 77 with a word why where there is no Docker to do it with
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export DROVER_IMAGE=drover-test${3:+-on-$3}
if ! command -v bats >/dev/null; then echo 'skipped: bats is not installed' && exit 77; fi
"$here/build-image.sh" "$1" "$DROVER_IMAGE" ${3:+"$3"}
exec bats "$2"
