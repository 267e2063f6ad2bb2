// The part of a cluster that Slurm has given to the job in which this process runs: which nodes, how much
// of each, until when.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::runtime {

struct SlurmNode {
  std::string name;
  unsigned num_cpus = 1;  ///< of the job, there

  friend bool operator==(const SlurmNode&, const SlurmNode&) = default;
};

struct SlurmAllocation {
  std::string job_id;
  /// The node of this process first, if it is one of them: the master must be where its supervisor is.
  std::vector<SlurmNode> nodes;
  std::string node_list;        ///< as Slurm abbreviates it
  std::string this_node;        ///< empty outside of them, as in the shell that salloc opens on a login node
  std::string memory;           ///< what was asked for, such as "4000 MB a node"; empty: nothing particular
  std::string gpus;             ///< their numbers on this node; empty: none
  unsigned num_components = 1;  ///< of a heterogeneous job, of which this is the first

  friend bool operator==(const SlurmAllocation&, const SlurmAllocation&) = default;
};

/// Variables by name, without those that are not set.
using Environment = std::map<std::string, std::string, std::less<>>;

/// Those of this process.
[[nodiscard]] Environment process_environment();

/// None outside a job. Throws drover::Error when the variables contradict each other.
[[nodiscard]] std::optional<SlurmAllocation> slurm_allocation(const Environment& environment);

/// When `srun` has started several copies of this program of which MPI does not know: what to do about
/// it. Empty: it has not.
[[nodiscard]] std::string srun_obstacle(const Environment& environment);

/// `n[1-3,07],login` as the names it stands for. Throws drover::Error.
[[nodiscard]] std::vector<std::string> expand_node_list(std::string_view list);
/// `2(x3),4` as 2 2 2 4. Throws drover::Error.
[[nodiscard]] std::vector<unsigned> expand_counts(std::string_view list);

/// The command by which something is executed on a node of another job of the same user, beside what runs
/// there. It owes nothing to the job of this process.
[[nodiscard]] std::vector<std::string> srun_into_job(const std::string& job_id, const std::string& node,
                                                     const Environment& environment);

/// Whether steps of this Slurm are bound to CPUs, unless srun is told not to; where they are not, it complains of being
/// told. Asks Slurm; true where that does not answer.
[[nodiscard]] bool binds_steps();

/// When the job ends at the latest, by squeue or, where that does not answer, by what the job was told at
/// its start; none: it has no limit, or nobody knows.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> slurm_end_time(const Environment& environment);

/// Those of its nodes that the job still has and that can be worked on, as squeue and sinfo know; all of
/// them where those do not answer.
[[nodiscard]] std::vector<SlurmNode> usable_nodes(const SlurmAllocation& allocation);

}  // namespace drover::runtime
