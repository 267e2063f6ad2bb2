# shellcheck shell=bash
# Common to the tests with a real Slurm (start.sh). To be sourced with DROVER as first argument: leaves
# with status 77 where no Slurm answers; else the test is in an empty directory, which jobs share.
# The cluster is that of all tests here: each ends its own jobs.
drover=$1
tests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
slurm_dir=$(cd "$tests_dir/../../slurm" && pwd)
export tests_dir slurm_dir
if ! sinfo -h >/dev/null 2>&1; then
  echo "skipped: no Slurm answers here; tests/slurm/start.sh starts one"
  exit 77
fi
scratch=$(mktemp -d)
chmod 755 "$scratch"
jobs=()
leave() {
  local status=$?
  [ ${#jobs[@]} = 0 ] || scancel "${jobs[@]}" 2>/dev/null || true
  [ $status = 0 ] || tail -n 30 "$scratch"/*.log 2>/dev/null || true
  cd /
  rm -rf "$scratch"
}
trap leave EXIT
cd "$scratch" || exit 1

# drover is in PATH, as where it is installed. Every node of this cluster is this machine.
PATH=$(dirname "$drover"):$PATH
export PATH OMPI_MCA_btl_tcp_if_include=lo OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset "${!DROVER_@}"

fail() {
  echo "FAILED: $*"
  exit 1
}

# within SECONDS COMMAND...: repeats the command until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "not in time: $*"
    sleep 0.2
  done
}

# submit SCRIPT...: sbatch; its job is $job.
submit() {
  job=$(sbatch --parsable --output=job-%j.log "$@") || fail "sbatch $*"
  jobs+=("$job")
}

state() { squeue -h -j "$1" -o %T 2>/dev/null || true; }
is_running() { [ "$(state "$1")" = RUNNING ]; }
is_over() { [[ $(scontrol show job "$1") =~ JobState=(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED) ]]; }
exit_code() { scontrol show job "$1" | sed -n 's/.* ExitCode=\([0-9]*\):.*/\1/p'; }
num_recorded() { [ -s run/joblog.tsv ] && [ "$(wc -l <run/joblog.tsv)" -gt "$1" ]; }
query() { sqlite3 -cmd '.timeout 5000' run/run.db "$1"; }

# numbered_tasks N SECONDS: a file of tasks each of which leaves its number, to be counted.
numbered_tasks() {
  local i
  for ((i = 1; i <= $1; ++i)); do echo "sleep $2; echo $i >>effects"; done >tasks.txt
}

# every_task_once N: what must hold however the run came to its end.
every_task_once() {
  [ "$(query 'SELECT count(*) FROM tasks')" = "$1" ] || fail "not every task is known"
  [ "$(query "SELECT count(*) FROM tasks WHERE state = 'succeeded'")" = "$1" ] || fail "not every task succeeded"
  [ "$(tail -n +2 run/joblog.tsv | awk '$7 == 0 && $8 == 0' | cut -f1 | sort -n | uniq | wc -l)" = "$1" ] ||
    fail "not every task is in the job log"
  [ "$(tail -n +2 run/joblog.tsv | awk '$7 == 0 && $8 == 0' | wc -l)" = "$1" ] || fail "a task is recorded twice"
  [ "$(sort -n effects | uniq | wc -l)" = "$1" ] || fail "not every task was executed"
}
# Ended by drover, or lost with a node, an attempt costs its task nothing.
nothing_charged() {
  local failures
  failures=$(query 'SELECT * FROM attempt_rows WHERE NOT (outcome = 0 AND code = 0) AND outcome NOT IN (4, 5) LIMIT 3')
  [ -z "$failures" ] || fail "a failure is recorded: $failures"
}
