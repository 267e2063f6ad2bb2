#!/bin/bash
# usage: run-cases.sh drover|parallel CASES: prints of each case its words, what its commands print, and the status.
# Commands of drover (DROVER) are those of a dry run, executed one after the other: what is looked at is what would be
# executed with which words.
set -u
who=$1
cases=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
mkdir bin
printf '#!/bin/bash\nprintf "[%%s]" "$@"; echo\n' >bin/show
chmod +x bin/show
PATH=$PWD/bin:$PATH
printf 'a\nb\nc\n' >abc
printf 'x\ny\n' >xy
printf 'show one\nshow two three\n' >commands
printf 'y\n1\n2\n' >head-of-one
export PARALLEL_SHELL=/bin/bash PARALLEL=''

parallel_case() {
  parallel --will-cite -j1 -k "$@" 2>/dev/null
}

drover_case() {
  local status=0
  "$DROVER" run -k --dry-run "$@" 2>refusal | tr '\0' '\n' >commands-of-case
  status=${PIPESTATUS[0]}
  /bin/bash commands-of-case 2>/dev/null
  [ "$status" = 0 ] || cat refusal
  return "$status"
}

c() {
  printf '$ %s\n' "$(printf '%q ' "$@")"
  # shellcheck disable=SC2059
  printf -- "${stdin-}" | "${who}_case" "$@"
  echo "-> ${PIPESTATUS[1]}"
  unset stdin
}

i() {
  if [ "$1" = -- ]; then shift; fi
  stdin=${1//%/%%}
  shift 2
  c "$@"
}

group() { printf '\n== %s\n' "$1"; }

# shellcheck source=/dev/null
. "$cases"
