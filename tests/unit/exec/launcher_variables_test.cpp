#include "drover/exec/launcher_variables.hpp"

#include <algorithm>

#include "support/catch.hpp"

using drover::exec::origin_variables;
using drover::exec::Variables;
using drover::exec::without_launcher;

namespace {

Variables sorted(Variables variables) {
  std::sort(variables.begin(), variables.end());
  return variables;
}

/// The environment of a batch script, as sbatch makes it.
const Variables kBatch{"HOME=/h",
                       "SLURM_CPUS_ON_NODE=4",
                       "SLURM_JOB_ID=17",
                       "SLURM_JOB_NODELIST=n[1-2]",
                       "SLURM_JOB_NUM_NODES=2",
                       "SLURM_NNODES=2",
                       "SLURM_NODEID=0",
                       "SLURM_NODELIST=n[1-2]",
                       "SLURM_NTASKS=8",
                       "SLURM_TASKS_PER_NODE=4(x2)"};
/// That of a rank on the second node, which came by a step of one task.
const Variables kStep{"HOME=/h",
                      "OMPI_COMM_WORLD_RANK=1",
                      "SLURM_CPU_BIND=quiet,mask_cpu:0x1",
                      "SLURM_CPUS_ON_NODE=2",
                      "SLURM_JOB_ID=17",
                      "SLURM_JOB_NODELIST=n[1-2]",
                      "SLURM_JOB_NUM_NODES=2",
                      "SLURM_NNODES=1",
                      "SLURM_NODEID=1",
                      "SLURM_NODELIST=n2",
                      "SLURM_NTASKS=1",
                      "SLURM_STEP_ID=3",
                      "SLURM_STEP_NODELIST=n2",
                      "SRUN_DEBUG=3"};

}  // namespace

TEST_CASE("what the launcher set is taken from a task, and what the user set is not") {
  const Variables user{"HOME=/h",
                       "OMPI_CC=gcc-12",
                       "OMPI_ALLOW_RUN_AS_ROOT=1",
                       "OMPI_MCA_btl=self,tcp",
                       "OPAL_PREFIX=/opt/m",
                       "PMIX_MCA_gds=hash",
                       "PRTE_MCA_x=1",
                       "PMI_DEBUG=1",
                       "PATH=/bin",
                       "OMPI_MCA_orte_tmpdir=/t"};
  Variables rank = user;
  for (const char* variable :
       {"OMPI_COMM_WORLD_RANK=0", "OMPI_MCA_ess_base_vpid=0", "OMPI_MCA_orte_hnp_uri=1.0;tcp://h:1", "OMPI_MCA_pml=ob1",
        "OMPI_UNIVERSE_SIZE=2", "PMIX_RANK=0", "PMIX_SERVER_URI2=1.0;tcp4://127.0.0.1:3",
        "PMIX_MCA_mca_base_component_show_load_errors=1", "HFI_NO_BACKTRACE=1", "IPATH_NO_BACKTRACE=1"})
    rank.emplace_back(variable);
  CHECK(sorted(without_launcher(rank, origin_variables(user))) == sorted(user));
}

TEST_CASE("without knowledge of what there was before, what says who one is goes") {
  const Variables rank{"OMPI_CC=gcc", "OMPI_COMM_WORLD_RANK=0", "PMIX_NAMESPACE=7", "PMI_RANK=0", "OMPI_MCA_btl=tcp"};
  CHECK(origin_variables(rank) == Variables{"OMPI_CC=gcc", "OMPI_MCA_btl=tcp"});
}

TEST_CASE("a value of the user's comes back where the launcher had another") {
  CHECK(without_launcher({"OMPI_MCA_pml=ob1"}, {"OMPI_MCA_pml=ucx"}) == Variables{"OMPI_MCA_pml=ucx"});
  CHECK(without_launcher({"OMPI_MCA_pml=ob1"}, {}).empty());
}

TEST_CASE("tasks on every node of a Slurm job see the job, not the step by which their worker came") {
  const Variables origin = origin_variables(kBatch);
  CHECK(sorted(without_launcher(kBatch, origin)) == kBatch);
  CHECK(sorted(without_launcher(kStep, origin)) ==
        Variables{"HOME=/h", "SLURM_CPUS_ON_NODE=2", "SLURM_JOB_ID=17", "SLURM_JOB_NODELIST=n[1-2]",
                  "SLURM_JOB_NUM_NODES=2", "SLURM_NNODES=2", "SLURM_NODEID=1", "SLURM_NODELIST=n[1-2]",
                  "SLURM_NTASKS=8", "SLURM_TASKS_PER_NODE=4(x2)"});
}

TEST_CASE("tasks in another Slurm job than the master's see that job, without the step") {
  Variables origin = origin_variables(kBatch);
  std::replace(origin.begin(), origin.end(), std::string("SLURM_JOB_ID=17"), std::string("SLURM_JOB_ID=5"));
  CHECK(sorted(without_launcher(kStep, origin)) ==
        Variables{"HOME=/h", "SLURM_CPUS_ON_NODE=2", "SLURM_JOB_ID=17", "SLURM_JOB_NODELIST=n[1-2]",
                  "SLURM_JOB_NUM_NODES=2", "SLURM_NNODES=2", "SLURM_NODEID=1", "SLURM_NODELIST=n[1-2]"});
  CHECK(sorted(without_launcher(kBatch, origin)) == kBatch);
}

TEST_CASE("a worker outside of the master's Slurm job sees no job, and keeps what its host has set") {
  CHECK(without_launcher({"SLURM_CONF=/etc/s"}, origin_variables(kBatch)) == Variables{"SLURM_CONF=/etc/s"});
}
