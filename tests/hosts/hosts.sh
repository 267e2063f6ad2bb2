#!/bin/bash
# Hosts on one machine: each has a name, a network and processes of its own, and an sshd. They share the file system.
#   hosts.sh start DIR NAME...    the first is where `hosts.sh on` executes commands
#   hosts.sh add DIR NAME
#   hosts.sh on DIR NAME COMMAND...
#   hosts.sh kill DIR NAME        all its processes, at once
#   hosts.sh stop DIR
# A host is a network, mount, pid and UTS namespace whose first process is sshd; the switch between them is a network
# namespace with a bridge. Nothing outside of these is touched. Needs root; leaves with status 77 where that is missing.
set -euo pipefail

action=$1 dir=$2
shift 2

fail() {
  echo "hosts.sh: $*" >&2
  exit 1
}

pid_of() { cat "$dir/$1.pid" 2>/dev/null || fail "there is no host $1"; }

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "not in time: $*"
    sleep 0.05
  done
}

make_switch() {
  mkdir -p "$dir"
  : >"$dir/hosts"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
  cp "$dir/key.pub" "$dir/authorized_keys"
  cat >"$dir/sshd_config" <<END
HostKey $dir/key
AuthorizedKeysFile $dir/authorized_keys
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
END
  cat >"$dir/ssh_config" <<END
Host *
  IdentityFile $dir/key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ConnectTimeout 5
END
  # shellcheck disable=SC2016 # for the inner shell
  unshare --net sh -c 'ip link add switch type bridge && ip link set switch up && : >"$1" && exec sleep infinity' - \
    "$dir/switch.up" </dev/null >>"$dir/log" 2>&1 &
  echo $! >"$dir/switch.pid"
  within 10 test -e "$dir/switch.up"
}

# The child of unshare is the first process of the host.
first_process() { [ -n "$(cat "/proc/$1/task/$1/children" 2>/dev/null)" ]; }

add() {
  local name=$1 number outer inner switch
  number=$(($(wc -l <"$dir/hosts") + 1))
  switch=$(pid_of switch)
  echo "10.77.0.$number $name" >>"$dir/hosts"
  # shellcheck disable=SC2016 # for the inner shell
  unshare --net --uts --mount --pid --fork --kill-child --mount-proc bash -c '
    hostname "$1"
    mkdir -p /run/sshd
    mount -t tmpfs shm /dev/shm
    mount --bind "$2/hosts" /etc/hosts
    until ip link set eth0 up 2>/dev/null; do sleep 0.02; done
    exec /usr/sbin/sshd -D -e -f "$2/sshd_config"' - "$name" "$dir" </dev/null >>"$dir/$name.log" 2>&1 &
  outer=$!
  within 10 first_process "$outer"
  inner=$(($(cat "/proc/$outer/task/$outer/children")))
  echo "$inner" >"$dir/$name.pid"
  nsenter -t "$switch" -n ip link add "port$number" type veth peer name eth0 netns "$inner"
  nsenter -t "$switch" -n ip link set "port$number" master switch up
  nsenter -t "$inner" -n ip addr add "10.77.0.$number/24" dev eth0
  nsenter -t "$inner" -n ip link set lo up
  nsenter -t "$inner" -n ip link set eth0 up
}

case $action in
  start)
    if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null || ! [ -x /usr/sbin/sshd ]; then
      echo "skipped: hosts on one machine need root, network namespaces and an sshd"
      exit 77
    fi
    make_switch
    for name; do add "$name"; done
    ;;
  add) add "$1" ;;
  on)
    inner=$(pid_of "$1")
    shift
    exec nsenter -t "$inner" --all --wd="$PWD" env OMPI_MCA_plm_rsh_agent="ssh -F $dir/ssh_config" "$@"
    ;;
  kill)
    kill -KILL "$(pid_of "$1")"
    rm "$dir/$1.pid"
    ;;
  stop)
    for file in "$dir"/*.pid; do kill -KILL "$(cat "$file")" 2>/dev/null || true; done
    ;;
esac
