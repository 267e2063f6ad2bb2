#!/bin/bash
# What the journal costs: commands with and without it, records a second against a bare SQLite insert
# loop, size on disk, and time and memory to take a run up again.
# usage: DROVER=path JOURNAL_RATE=path journal.sh [COMMANDS [TASKS...]]
. "$(dirname "$0")/lib.sh"
: "${JOURNAL_RATE:?path of the journal_rate program}"
commands=${1:-5000}
shift || true
[ $# -gt 0 ] || set -- 100000 1000000
cd "$scratch"

yes /bin/true 2>/dev/null | head -n "$commands" >tasks || true
safe=$(seconds "$DROVER" run -j 2 --quiet tasks)
off=$(seconds "$DROVER" run -j 2 --quiet --durability off tasks)
awk -v s="$safe" -v o="$off" -v n="$commands" \
  'BEGIN { printf "%d times /bin/true: %.0f /s, without durability %.0f /s: %.2f of it\n", n, n / s, n / o, o / s }'

for tasks in "$@"; do
  bare=$("$JOURNAL_RATE" bare "$tasks" bare)
  recorded=$("$JOURNAL_RATE" record "$tasks" run)
  read -r took peak unfinished < <("$JOURNAL_RATE" resume run)
  bytes=$(du -bc run/run.db run/joblog.tsv | tail -n 1 | cut -f 1)
  awk -v n="$tasks" -v b="$bare" -v r="$recorded" -v t="$took" -v m="$peak" -v s="$bytes" -v u="$unfinished" 'BEGIN {
    printf "%d tasks: %d recorded a second, bare inserts %d: %.2f of it; %.0f bytes a task on disk; ", n, r, b, r / b, s / n
    printf "taken up again (%d unfinished) in %.3f s with %d KiB\n", u, t, m }'
  rm -rf run bare
done
