#include "drover/runtime/mpirun_words.hpp"

#include "support/catch.hpp"

using drover::runtime::lost_host;

TEST_CASE("the host whose daemon is lost is read from what mpirun prints", "[mpirun_words]") {
  const std::string open_mpi_4 =
      "--------------------------------------------------------------------------\n"
      "ORTE has lost communication with a remote daemon.\n\n"
      "  HNP daemon   : [[35137,0],0] on node master\n"
      "  Remote daemon: [[35137,0],2] on node node-7.cluster\n\n"
      "This is usually due to either a failure of the TCP network\n";
  CHECK(lost_host(open_mpi_4) == "node-7.cluster");
  const std::string open_mpi_5 =
      "a warning of something else on node w9\n"
      "PRTE has lost communication with a remote daemon.\n\n"
      "  HNP daemon   : [prterun-master-27@0,0] on node master\n"
      "  Remote daemon: [prterun-master-27@0,1] on node w1\n";
  CHECK(lost_host(open_mpi_5) == "w1");
}

TEST_CASE("nothing is read from other words of mpirun, or from words cut short", "[mpirun_words]") {
  CHECK_FALSE(lost_host(""));
  CHECK_FALSE(lost_host("mpirun noticed that process rank 1 with PID 17 on node w1 exited on signal 9"));
  CHECK_FALSE(lost_host("PRTE has lost communication with a remote daemon.\n\n  HNP daemon   : x on node master\n"));
  CHECK_FALSE(lost_host("PRTE has lost communication with a remote daemon.\n  Remote daemon: [x@0,1]\n on node w1\n"));
  CHECK_FALSE(lost_host("PRTE has lost communication with a remote daemon.\n  Remote daemon: [x@0,1] on node "));
}
