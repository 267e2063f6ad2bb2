#!/usr/bin/env bats
# DROVER_IMAGE is the image of the program under test.

@test "the demo, with less work" {
  cd "$BATS_TEST_TMPDIR"
  DEMO_ITERATIONS=100000 "$BATS_TEST_DIRNAME/../../docker/demo.sh" >out 2>&1 3>&- || { cat out && false; }
  grep -q 'master: drover: group 0 has come: 2 workers' out
  grep -q 'master: drover: 264 tasks: 264 succeeded' out
  grep -q '264 of 264 tiles are there' out
  grep -qxE ' +[.:]+-+=[^@]+@@+[^@]+-+[:.]+' out # a line of the picture
  [ -z "$(docker ps --all --quiet --filter name=drover-demo)" ]
}
