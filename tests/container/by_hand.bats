#!/usr/bin/env bats
# `load` brings what is not assigned here.
# shellcheck disable=SC2154
# What people do with the image beside compose: mpirun by hand, and Kubernetes' way of mounting secrets.

load farm

# commands_of SECTION: the commands of a section of docker/README.md, on this farm.
commands_of() {
  awk -v section="## $1" '$0 == section { here = 1 } /^```$/ { code = 0; if (shown) exit } code { print; shown = 1 }
    here && /^```sh$/ { code = 1 }' "$docker_dir/README.md" |
    sed -E "s/ -d --name ([a-z0-9]+)/ -d --label $farm --network-alias \1 --name $farm-\1/; s/ --network N / --network $farm /
      s/docker exec ([a-z0-9]+)/docker exec $farm-\1/; s/ drover (head|host)\$/ $image \1/; /^docker network create/d"
}

@test "mpirun across containers by hand, command by command as the README has it" {
  batch 40 0.05
  commands_of 'mpirun across containers by hand' >commands
  [ "$(wc -l <commands)" = 5 ]
  head -n 3 commands | bash -e
  # A container that has been started listens a moment later.
  for host in h1 h2; do waits_for docker exec "$farm-$host" entrypoint ready; done
  sed -n 4p commands | bash -e >out
  [ "$(sort out | uniq -c | tr -s ' ' | tr '\n' ,)" = ' 2 h1, 2 h2,' ]
  sed -n 5p commands | bash -e >out
  diff <(seq 40) <(sort -n out)
}

# as_kubernetes_does FILE...: a directory that all may write to, and files of root's that a group may read.
as_kubernetes_does() {
  mkdir -p mounted/..1
  cp "$@" mounted/..1
  chown -R 0:"$uid" mounted
  chmod 0440 mounted/..1/*
  ln -s ..1 mounted/..data
  local file
  for file; do ln -s "..data/${file##*/}" "mounted/${file##*/}"; done
  chmod 1777 mounted
}

@test "secrets in a volume of Kubernetes', which belong to root, in a directory that looks as if all could write to it" {
  [ "$(id -u)" = 0 ] || skip 'needs root'
  batch 20 0.1
  as_kubernetes_does keys/*
  secrets=$PWD/mounted start_master --group-add "$uid"
  secrets=$PWD/mounted start_worker w1 --group-add "$uid"
  waits_for docker exec "$farm-master" entrypoint ready
  ends master 0
  ends w1 0
  each_has_one_record 20
}
