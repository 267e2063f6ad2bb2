#!/bin/bash
# Makes what master and workers know each other by, for one deployment:
#   drover_key, drover_known_hosts          the workers' key, and what they check the master by
#   drover_host_key, drover_authorized_keys the master's key, and whom it lets in
# usage: make-keys.sh [DIR]   default: keys beside this file. What is there already is kept.
# The files must belong to the user that the containers run as: you, or, when root calls this, DROVER_UID
# (default 1000, as the image's).
set -euo pipefail
umask 077
dir=${1:-$(dirname "$0")/keys}
mkdir -p "$dir"
cd "$dir"
[ -e drover_key ] || ssh-keygen -q -t ed25519 -N '' -C drover-worker -f drover_key
[ -e drover_host_key ] || ssh-keygen -q -t ed25519 -N '' -C drover-master -f drover_host_key
cp drover_key.pub drover_authorized_keys
printf 'drover-master %s\n' "$(cut -d ' ' -f 1,2 drover_host_key.pub)" >drover_known_hosts
chmod 0400 drover_key drover_host_key
chmod 0444 drover_authorized_keys drover_known_hosts
chmod 0755 .
if [ "$(id -u)" = 0 ]; then chown "${DROVER_UID:-1000}" drover_*; fi
