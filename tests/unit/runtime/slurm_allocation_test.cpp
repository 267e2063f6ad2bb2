#include "drover/runtime/slurm_allocation.hpp"

#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::runtime;
using Names = std::vector<std::string>;
using Counts = std::vector<unsigned>;

TEST_CASE("a list of nodes is what it abbreviates") {
  CHECK(expand_node_list("login") == Names{"login"});
  CHECK(expand_node_list("n[1-3]") == Names{"n1", "n2", "n3"});
  CHECK(expand_node_list("n[08-10,12],gpu-1") == Names{"n08", "n09", "n10", "n12", "gpu-1"});
  CHECK(expand_node_list("r[1-2]n[1-2]-ib") == Names{"r1n1-ib", "r1n2-ib", "r2n1-ib", "r2n2-ib"});
  CHECK(expand_node_list("").empty());
  for (const char* wrong : {"n[1-3", "n[3-1]", "n[a-b]", "n[1-99999999999999999999]", "n[1-1000000]"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(expand_node_list(wrong), drover::Error);
  }
}

TEST_CASE("a list of counts is what it abbreviates") {
  CHECK(expand_counts("2") == Counts{2});
  CHECK(expand_counts("2(x3),4") == Counts{2, 2, 2, 4});
  for (const char* wrong : {"x", "2(x)", "2(x0)", "2(x3", "2(3)"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(expand_counts(wrong), drover::Error);
  }
}

TEST_CASE("a job's nodes begin with this one") {
  Environment environment{
      {"SLURM_JOB_ID", "17"},         {"SLURM_JOB_NODELIST", "n[1-3]"}, {"SLURM_JOB_CPUS_PER_NODE", "8,4(x2)"},
      {"SLURM_MEM_PER_NODE", "4000"}, {"SLURM_JOB_GPUS", "0,1"},        {"SLURMD_NODENAME", "n2"}};
  const auto allocation = slurm_allocation(environment);
  REQUIRE(allocation);
  CHECK(allocation->nodes == std::vector<SlurmNode>{{"n2", 4}, {"n1", 8}, {"n3", 4}});
  CHECK(allocation->this_node == "n2");
  CHECK(allocation->memory == "4000 MB a node");
  CHECK(allocation->gpus == "0,1");

  SECTION("or the process is on none of them") {
    environment["SLURMD_NODENAME"] = "login";
    CHECK(slurm_allocation(environment)->this_node.empty());
    CHECK(slurm_allocation(environment)->nodes.front().name == "n1");
  }
  SECTION("old names of variables do") {
    environment.erase("SLURM_JOB_ID");
    environment["SLURM_JOBID"] = "18";
    CHECK(slurm_allocation(environment)->job_id == "18");
  }
  SECTION("without a job there are none") {
    environment.erase("SLURM_JOB_ID");
    CHECK_FALSE(slurm_allocation(environment));
  }
  SECTION("what contradicts itself is an error") {
    environment["SLURM_JOB_CPUS_PER_NODE"] = "8,4";
    CHECK_THROWS_AS(slurm_allocation(environment), drover::Error);
  }
}

TEST_CASE("copies that srun started without MPI are told so") {
  Environment environment{{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}};
  CHECK(srun_obstacle(environment).find("4 copies") != std::string::npos);
  environment["SLURM_STEP_NUM_TASKS"] = "1";
  CHECK(srun_obstacle(environment).empty());
  CHECK(srun_obstacle({{"SLURM_STEP_NUM_TASKS", "4"}}).empty());
}

TEST_CASE("a way into another job takes nothing of this one along") {
  const Environment environment{{"SLURM_JOB_ID", "1"}, {"SLURM_CONF", "/etc/slurm.conf"}, {"PATH", "/bin"}};
  const std::vector<std::string> command = srun_into_job("17", "n1", environment);
  CHECK(command == std::vector<std::string>{"env", "--unset=SLURM_JOB_ID", "srun", "--overlap", "--mpi=none", "--quiet",
                                            "--nodes=1", "--ntasks=1", "--jobid=17", "--nodelist=n1"});
}
