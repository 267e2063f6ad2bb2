#!/bin/bash
# The errors of a source are those that its lines announce with `// error: TEXT`, and no others; and all that the
# compiler says about one is short.
# usage: check.sh SOURCE COMPILER [OPTION...]
set -uo pipefail
source=$1
shift
most_lines=30

said=$("$@" "$source" 2>&1) && {
  echo "$source compiles"
  exit 1
}
expected=$(grep -o '// error: .*' "$source" | sed 's,// ,,' | sort)
found=$(grep -v ' | ' <<<"$said" | grep -o 'error: .*' | sort)
# Each announced text is the beginning of what is said, or of what follows "static assertion failed: ".
found=${found//error: static assertion failed: /error: }
num_expected=$(wc -l <<<"$expected")
num_found=$(wc -l <<<"$found")
num_lines=$(wc -l <<<"$said")
faults=0
while IFS= read -r text; do
  grep -qF -- "$text" <<<"$found" && continue
  echo "not said: $text"
  faults=$((faults + 1))
done <<<"$expected"
if ((num_found != num_expected || num_lines > num_expected * most_lines)); then
  echo "$num_found errors in $num_lines lines for $num_expected mistakes"
  faults=$((faults + 1))
fi
((faults == 0)) || {
  echo "$said"
  exit 1
}
