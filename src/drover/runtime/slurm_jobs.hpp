// What is said to Slurm about jobs that a run submits, and what it answers. All jobs of a run have one name:
// by that they are found and cancelled, whatever sbatch said or failed to say of them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/auto_alloc.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/slurm_allocation.hpp"

namespace drover::runtime {

/// The name of a run's jobs: no other run's have it. `run_dir` is absolute.
[[nodiscard]] std::string slurm_job_name(const std::filesystem::path& run_dir);

/// What the job of this process asked for, as options of sbatch for one that is to have the same on each of its nodes:
/// CPUs, memory, generic resources, features, reservation, partition, account, quality of service. `description` is
/// what `scontrol show job --oneliner` says of it; empty: it did not answer, and what only it knows is left out.
[[nodiscard]] std::vector<std::string> inherited_options(const Environment& environment, std::string_view description);

/// What scontrol says of the job of this process; empty outside a job, and when it does not answer.
[[nodiscard]] std::string own_job_description(const Environment& environment);

/// A job whose nodes join a run.
struct WorkerJob {
  std::filesystem::path run_dir;
  core::JobSize size;
  std::vector<std::string> inherited;  ///< from the job of the run, unless `options` say otherwise
  std::vector<std::string> options;    ///< of sbatch, from the user
  std::vector<std::string> command;    ///< what it executes
};

/// `sbatch` for it.
[[nodiscard]] std::vector<std::string> sbatch_command(const WorkerJob& job);
[[nodiscard]] std::vector<std::string> squeue_command(const std::filesystem::path& run_dir);

/// A child process that talks to Slurm, and sees nothing of the job or the MPI job of this one.
[[nodiscard]] ChildProcess start_slurm_tool(std::vector<std::string> command, const Environment& environment);

/// The number of the job in what sbatch printed, among warnings; none: there is none.
[[nodiscard]] std::optional<std::string> submitted_job(std::string_view output);

/// A job, and why it waits, in Slurm's words; empty: it does not.
struct QueueEntry {
  core::ListedJob job;
  std::string reason;
};
[[nodiscard]] std::vector<QueueEntry> queue_entries(std::string_view output);

/// What Slurm complained of, in one line.
[[nodiscard]] std::string slurm_words(std::string_view output);

/// Cancels all jobs of the run, and sees that they go. Blocks for some seconds at most. Returns what went
/// wrong; empty: nothing.
[[nodiscard]] std::string cancel_slurm_jobs(const std::filesystem::path& run_dir);

}  // namespace drover::runtime
