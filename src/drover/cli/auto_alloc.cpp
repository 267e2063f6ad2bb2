#include "drover/cli/auto_alloc.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "drover/support/error.hpp"
#include "drover/transport/mpi_groups.hpp"

namespace drover::cli {

namespace {

/// Where the nodes of another job find this run: by Slurm if it is in a job, else by ssh.
std::string join_target(const journal::RunDirectory& run, const std::string& host) {
  return std::getenv("SLURM_JOB_ID") != nullptr ? run.path().string() : host + ":" + run.path().string();
}

}  // namespace

runtime::AutoAllocOptions auto_alloc_options(const RunInvocation& invocation, const journal::RunDirectory& run,
                                             const std::string& host, const runtime::RecruiterOptions& recruiter) {
  if (const std::string obstacle = transport::join_obstacle(); !obstacle.empty())
    throw UsageError("--auto-alloc: no group can join this run: " + obstacle);
  const RunOptions& options = invocation.options;
  runtime::AutoAllocOptions alloc;
  alloc.policy = options.alloc;
  alloc.policy.job_limit = std::chrono::ceil<std::chrono::minutes>(options.alloc.job_limit);
  alloc.policy.max_node_time = std::chrono::hours(options.most_node_hours);
  alloc.is_dry_run = options.auto_alloc_dry_run;
  alloc.run_dir = run.path();
  const runtime::Environment environment = runtime::process_environment();
  alloc.inherited_options = runtime::inherited_options(environment, runtime::own_job_description(environment));
  std::istringstream words(options.sbatch_options);
  for (std::string word; words >> word;) alloc.sbatch_options.push_back(word);
  std::vector<std::string> args{"worker", "--join", join_target(run, host), "--rejoin"};
  if (are_slots_given(invocation)) args.insert(args.end(), {"--slots", std::to_string(options.num_slots)});
  alloc.worker_command = {recruiter.program};
  for (const auto& part : {recruiter.args_before, args, recruiter.rank_options, recruiter.args_after})
    alloc.worker_command.insert(alloc.worker_command.end(), part.begin(), part.end());
  return alloc;
}

void cancel_left_jobs(const std::filesystem::path& run_dir) {
  const std::string failure = runtime::cancel_left_jobs(run_dir);
  if (!failure.empty()) std::fprintf(stderr, "drover: %s\n", failure.c_str());
}

}  // namespace drover::cli
