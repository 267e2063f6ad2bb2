#!/usr/bin/env bats
# `load` brings what is not assigned here; what is in single quotes is for a container's shell.
# shellcheck disable=SC2016,SC2154
# What a stranger on the farm's network can do, and a second master, and what the image holds.

load farm

# visits COMMAND...: in a container on the farm's network, with the keys that are in ./visitor.
visits() {
  capture timeout 60 docker run --rm --label "$farm" --network "$farm" --volume "$PWD/visitor:/run/secrets:ro" \
    --entrypoint "$1" "$image" "${@:2}"
  cat out err
}

start_farm() {
  batch 20 0.1
  start_master --env DROVER_KEEP_OPEN=true
  waits_for said master 'no worker is there'
}

# sshd is asked as a worker asks it.
ssh_options=(-F /etc/drover/ssh_config -p 2222)

@test "without the key, or before another master, a worker gets nowhere" {
  start_farm
  DROVER_UID=$uid "$docker_dir/make-keys.sh" other
  mkdir -m 0755 visitor
  cp -p other/drover_key visitor
  cp -p keys/drover_known_hosts visitor
  secrets=$PWD/visitor start_worker stranger --env DROVER_PATIENCE=2s
  ends stranger 125
  said stranger 'Permission denied (publickey)'
  # The right key is not shown to a master with another host key.
  rm visitor/*
  cp -p keys/drover_key visitor
  cp -p other/drover_known_hosts visitor
  secrets=$PWD/visitor start_worker misled --env DROVER_PATIENCE=2s
  ends misled 125
  said misled 'Host key verification failed'
  [ "$(num_said master 'has come')" = 0 ]
}

@test "the key opens the control channel and nothing else" {
  start_farm
  mkdir -m 0755 visitor
  cp -p keys/drover_key keys/drover_known_hosts visitor
  visits bash -c 'echo "{\"v\":1,\"id\":1,\"request\":\"hello\"}" | timeout 3 ssh "$@" master cat /etc/passwd' - "${ssh_options[@]}"
  grep -q '"reply":"hello"' out
  lacks -q root: out
  # Neither a port of the master's nor one of the visitor's is forwarded.
  visits ssh -v "${ssh_options[@]}" -o ClearAllForwardings=no -o ExitOnForwardFailure=yes -R 1234:localhost:22 master
  [ "$status" -ne 0 ]
  grep -q 'remote port forwarding failed' err
  visits ssh "${ssh_options[@]}" -W localhost:2222 master
  [ "$status" -ne 0 ]
  visits ssh "${ssh_options[@]}" -o PubkeyAuthentication=no -o PreferredAuthentications=password,keyboard-interactive master
  [ "$status" -ne 0 ]
  grep -qF 'Permission denied (publickey).' err # the only way that there is
}

@test "the control socket is reached from no other container" {
  start_farm
  start_worker w1
  waits_for has_run w1 20
  mkdir visitor
  visits drover status --run /var/lib/drover/run
  [ "$status" -eq 125 ]
  # No port that the master's container listens on speaks for it.
  ports=$(docker exec "$farm-master" awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 | cut -d : -f 2 | sort -u)
  [ "$(wc -w <<<"$ports")" -ge 2 ] # sshd, and MPI
  for port in $ports; do
    visits bash -c 'exec 3<>/dev/tcp/master/$1 && echo "{\"v\":1,\"id\":1,\"request\":\"hello\"}" >&3 && timeout 1 cat <&3' - $((16#$port))
    lacks -q '"reply"' out
  done
  [ "$(stat --format %a run/run/control.sock)" = 600 ]
}

@test "a second master on the same run directory is refused" {
  start_farm
  container second --volume "$PWD/run:/var/lib/drover" -- master
  ends second 125
  said second '/var/lib/drover/run'
  start_worker w1
  waits_for has_run w1 20
  docker exec "$farm-master" drover close --run /var/lib/drover/run
  ends master 0
  each_has_one_record 20
}

@test "the image holds no key, no process of root's and no file that all may write" {
  docker run --rm --label "$farm" --user 0 --entrypoint bash "$image" -c '
    find / -xdev -type f -name "ssh_host_*"
    find /etc /home /root /usr/local /var -xdev -type f -exec grep -lE "BEGIN [A-Z ]*PRIVATE KEY" {} +
    find / -xdev \( -path /usr/local/\* -o -path /etc/drover\* -o -path /home/\* -o -path /var/l\*/drover\* -o -user drover \) \
      -perm /o+w ! -type l' >out
  diff /dev/null out
  start_farm
  docker top "$farm-master" -eo pid,uid,args >out
  lacks -vqE "^ *([0-9]+ +$uid |PID)" out
  [ "$(wc -l <out)" -ge 5 ]
  docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}} {{len .Config.Healthcheck.Test}}' "$image" >out
  grep -qx 'drover 3' out
  waits_for healthy master
  docker exec "$farm-master" drover status >out
  grep -q '^tasks   20+: 0 done' out
  figure 'image size' "$(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
}

healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$farm-$1")" = healthy ]; }
