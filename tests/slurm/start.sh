#!/bin/bash
# A real Slurm on one machine: munged, slurmctld, and NODES slurmd, each in a UTS namespace of its own so
# that its host name is nK, with four GPUs that are none and the feature 'fast'. Ready in about a second; touches nothing under /etc. Root.
# usage: start.sh DIR [NODES [CPUS]]; then SLURM_CONF=DIR/slurm.conf; stop.sh DIR ends it
set -euo pipefail
dir=$1 nodes=${2:-3} cpus=${3:-2}
mkdir -p "$dir"/{state,spool,log,run,tmp}
chmod 755 "$dir"
# Another of these may be running.
port=16831
while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + nodes + 1)); done
cat >"$dir/slurm.conf" <<CONF
ClusterName=local
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,permit_job_expansion
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
MinJobAge=300
InactiveLimit=0
Waittime=0
SlurmctldTimeout=30
SlurmdTimeout=20
MessageTimeout=10
JobRequeue=1
TmpFS=$dir/tmp/%n
GresTypes=gpu
NodeName=n[1-$nodes] NodeHostname=n[1-$nodes] NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=$cpus RealMemory=4000 Gres=gpu:4 Feature=fast State=UNKNOWN
PartitionName=main Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP PriorityTier=10 OverSubscribe=NO PreemptMode=requeue
PartitionName=high Nodes=n[1-$nodes] MaxTime=INFINITE State=UP PriorityTier=100 PreemptMode=off
CONF
for ((i = 0; i < 4; ++i)); do [ -e "$dir/run/gpu$i" ] || mknod "$dir/run/gpu$i" c 1 3; done
echo "NodeName=n[1-$nodes] Name=gpu File=$dir/run/gpu[0-3]" >"$dir/gres.conf"
export SLURM_CONF=$dir/slurm.conf

if ! [ -e "$dir/munge.key" ]; then (umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key"); fi
/usr/sbin/munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/run/munged.pid" \
  --log-file="$dir/log/munged.log" --seed-file="$dir/run/munged.seed"
/usr/sbin/slurmctld -c -i >"$dir/log/slurmctld.out" 2>&1
for ((i = 1; i <= nodes; ++i)); do "$(dirname "$0")/start-node.sh" "$dir" "n$i"; done
for ((i = 0; i < 300; ++i)); do
  if [ "$(sinfo -h -N -p main -o %T 2>/dev/null | grep -cx idle)" = "$nodes" ]; then exit 0; fi
  sleep 0.1
done
echo "slurm: $nodes nodes were not ready within 30 s; the logs end:" >&2
tail -n 5 "$dir"/log/* >&2
exit 1
