#include "drover/exec/host_cores.hpp"

#include "support/catch.hpp"

using drover::exec::cores_of_tasks;
using drover::exec::lack_of_cores;

TEST_CASE("tasks have the cores of the launcher, unless the user chose which") {
  CHECK(cores_of_tasks({0}, {0, 1, 2, 3}, false) == std::set<unsigned>{0, 1, 2, 3});
  CHECK(cores_of_tasks({0}, {0, 1, 2, 3}, true) == std::set<unsigned>{0});
  CHECK(cores_of_tasks({0}, {2}, false) == std::set<unsigned>{2});  // taskset -c 2 mpirun
  CHECK(cores_of_tasks({0}, {}, false) == std::set<unsigned>{0});   // nobody knows
}

TEST_CASE("fewer cores than commands at once are told where the host has more") {
  CHECK(lack_of_cores(4, 4, 8).empty());
  CHECK(lack_of_cores(8, 4, 4).empty());  // as many as there are
  CHECK(lack_of_cores(8, 0, 4).empty());
  CHECK(lack_of_cores(4, 1, 8).starts_with("4 commands at once have 1 core of this host's 8"));
}
