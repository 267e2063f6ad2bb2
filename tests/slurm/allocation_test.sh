#!/bin/bash
# A batch job of three nodes: mpirun in the allocation starts drover, all tasks run, on more than one
# node, and the job's exit code is drover's.
# usage: allocation_test.sh DROVER   Exit status 77: there is no Slurm here.
set -euo pipefail
drover=$1
if ! sinfo -h >/dev/null 2>&1; then
  echo "skipped: no Slurm answers here; tests/slurm/start.sh starts one"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

for i in $(seq 40); do echo "echo task $i; sleep 0.05"; done >tasks.txt
echo 'exit 3' >>tasks.txt
cat >job.sbatch <<JOB
#!/bin/bash
#SBATCH --nodes=3 --ntasks-per-node=1
# Every node of this test's cluster is this machine.
export OMPI_MCA_btl_tcp_if_include=lo OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpirun "$drover" run --keep-order --run-dir run tasks.txt >outputs
JOB
status=0
timeout 90 sbatch --wait --output=job.log job.sbatch || status=$?
cat job.log
fail() { echo "FAILED: $*"; exit 1; }
for i in $(seq 40); do echo "task $i"; done | cmp - outputs || fail "outputs differ"
[ "$(wc -l <run/joblog.tsv)" = 42 ] || fail "not every task is in the job log"
[ "$(tail -n +2 run/joblog.tsv | cut -f2 | sort -u | wc -l)" -ge 2 ] || fail "one node did it all"
[ "$status" = 1 ] || fail "exit status $status, expected 1 for one failed task"
