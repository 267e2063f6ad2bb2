// The lists are by experiment: `env` under mpirun (Open MPI 4.1.4 and 5.0.7), srun and sbatch (Slurm 22.05), against
// `env` without.

#include "drover/exec/launcher_variables.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace drover::exec {

namespace {

/// Launchers set variables of such names, and users do.
constexpr auto kSharedPrefixes =
    std::to_array<std::string_view>({"OMPI_", "OPAL_", "PMI_", "PMIX_", "PRTE_", "ORTE_", "SLURM_", "SRUN_"});
/// Set by Open MPI's libraries, in what they start or in the process itself.
constexpr auto kSharedNames =
    std::to_array<std::string_view>({"HFI_NO_BACKTRACE", "IPATH_NO_BACKTRACE", "PSM2_DEVICES"});
/// Of a Slurm job: what is true of one node only.
constexpr auto kNodesOwn = std::to_array<std::string_view>(
    {"SLURM_NODEID", "SLURM_CPUS_ON_NODE", "SLURM_GPUS_ON_NODE", "SLURM_TOPOLOGY_ADDR", "SLURM_TOPOLOGY_ADDR_PATTERN"});
/// What srun sets for a step. SLURM_NNODES and SLURM_NODELIST too, but those have the job's value elsewhere.
constexpr auto kStepPrefixes = std::to_array<std::string_view>(
    {"SLURM_STEP",           "SLURM_SRUN_",    "SLURM_LAUNCH_",  "SLURM_NTASKS",     "SLURM_NPROCS",
     "SLURM_TASKS_PER_NODE", "SLURM_CPU_BIND", "SLURM_MEM_BIND", "SLURM_ACCEL_BIND", "SLURM_DISTRIBUTION",
     "SLURM_PROCID",         "SLURM_LOCALID",  "SLURM_GTIDS",    "SLURM_TASK_PID",   "SLURM_UMASK",
     "SLURM_PRIO_PROCESS",   "SLURM_PMI",      "SLURM_MPI_TYPE", "SLURM_OVERLAP",    "SLURM_HET_SIZE",
     "SLURM_RESV_PORTS",     "SRUN_"});

template <class List>
bool begins_with_any(std::string_view name, const List& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

template <class List>
bool is_any_of(std::string_view name, const List& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_slurms(std::string_view name) {
  return name.starts_with("SLURM_") || name.starts_with("SRUN_");
}

bool is_shared(std::string_view name) {
  return begins_with_any(name, kSharedPrefixes) || is_any_of(name, kSharedNames);
}

bool is_identity(std::string_view name) {
  return begins_with_any(name, identity_prefixes());
}

std::optional<std::string_view> value_in(const Variables& environment, std::string_view name) {
  for (const std::string& variable : environment)
    if (name_of(variable) == name) return std::string_view(variable).substr(std::min(variable.size(), name.size() + 1));
  return std::nullopt;
}

/// The variables of a Slurm job without those of the step that this process is in, if it is in one.
Variables without_step(const Variables& environment) {
  const bool is_in_step = value_in(environment, "SLURM_STEP_ID").has_value();
  const auto whole_job = [&](std::string_view name) -> std::optional<std::string_view> {
    if (name == "SLURM_NNODES") return value_in(environment, "SLURM_JOB_NUM_NODES");
    if (name == "SLURM_NODELIST") return value_in(environment, "SLURM_JOB_NODELIST");
    return std::nullopt;
  };
  Variables job;
  for (const std::string& variable : environment) {
    const std::string_view name = name_of(variable);
    if (!is_slurms(name) || (is_in_step && begins_with_any(name, kStepPrefixes))) continue;
    const auto value = is_in_step ? whole_job(name) : std::nullopt;
    job.push_back(value ? std::string(name) + "=" + std::string(*value) : variable);
  }
  return job;
}

/// What a task on a node is to see of Slurm.
Variables slurm_variables(const Variables& own, const Variables& origin) {
  const auto job = value_in(own, "SLURM_JOB_ID");
  if (!job || job != value_in(origin, "SLURM_JOB_ID")) return without_step(own);
  Variables variables;
  for (const std::string& variable : origin)
    if (is_slurms(name_of(variable)) && !is_any_of(name_of(variable), kNodesOwn)) variables.push_back(variable);
  for (const std::string& variable : own)
    if (is_any_of(name_of(variable), kNodesOwn)) variables.push_back(variable);
  return variables;
}

}  // namespace

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

const Variables& identity_prefixes() {
  static const Variables prefixes{
      "PMIX_BFROP_",
      "PMIX_DSTORE_",
      "PMIX_GDS_MODULE",
      "PMIX_HOSTNAME",
      "PMIX_ID",
      "PMIX_NAMESPACE",
      "PMIX_RANK",
      "PMIX_SECURITY_MODE",
      "PMIX_SERVER_",
      "PMIX_SYSTEM_TMPDIR",
      "PMIX_VERSION",
      "PMIX_KEEPALIVE",
      "PMIX_LAUNCHER",
      "PMIX_MCA_mca_base_component_show_load_errors",
      "PRTE_MCA_ess",
      "PRTE_MCA_prte_",
      "PRTE_LAUNCHED",
      "PMI_FD",
      "PMI_RANK",
      "PMI_SIZE",
      "PMI_JOBID",
      "PMI_PROCESS_MAPPING",
      "PMI_UNIVERSE_SIZE",
      "OMPI_COMM_",
      "OMPI_APP_",
      "OMPI_NUM_APP",
      "OMPI_FIRST_RANKS",
      "OMPI_COMMAND",
      "OMPI_ARGV",
      "OMPI_FILE_LOCATION",
      "OMPI_UNIVERSE",
      "OMPI_MCA_ess",
      "OMPI_MCA_orte_app_num",
      "OMPI_MCA_orte_ess_",
      "OMPI_MCA_orte_hnp_uri",
      "OMPI_MCA_orte_jobfam_session_dir",
      "OMPI_MCA_orte_launch",
      "OMPI_MCA_orte_local_daemon_uri",
      "OMPI_MCA_orte_num_nodes",
      "OMPI_MCA_orte_precondition_transports",
      "OMPI_MCA_orte_top_session_dir",
      "OMPI_MCA_orte_bound_at_launch",
      "OMPI_MCA_pmix",
      "OMPI_MCA_initial_wdir",
      "OMPI_MCA_shmem_RUNTIME",
      "OMPI_MCA_mpi_oversubscribe",
  };
  return prefixes;
}

Variables origin_variables(const Variables& environment) {
  Variables origin;
  for (const std::string& variable : environment)
    if (is_shared(name_of(variable)) && !is_identity(name_of(variable))) origin.push_back(variable);
  return origin;
}

Variables without_launcher(const Variables& own, const Variables& origin) {
  Variables result;
  for (const std::string& variable : own)
    if (!is_shared(name_of(variable))) result.push_back(variable);
  for (const std::string& variable : origin)
    if (!is_slurms(name_of(variable))) result.push_back(variable);
  for (std::string& variable : slurm_variables(own, origin)) result.push_back(std::move(variable));
  return result;
}

}  // namespace drover::exec
