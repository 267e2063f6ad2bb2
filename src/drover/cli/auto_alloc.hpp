// `--auto-alloc`: what the master is to submit, and what is done about jobs of a run that has no master.
#pragma once

#include <filesystem>
#include <string>

#include "drover/cli/run_command.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/runtime/auto_allocator.hpp"
#include "drover/runtime/recruiter.hpp"

namespace drover::cli {

/// For the master on `host`; the nodes of jobs come as `recruiter` has groups come. Throws UsageError when no
/// group can join.
[[nodiscard]] runtime::AutoAllocOptions auto_alloc_options(const RunInvocation& invocation,
                                                           const journal::RunDirectory& run, const std::string& host,
                                                           const runtime::RecruiterOptions& recruiter);

/// Cancels jobs that masters of the run submitted, if they did, and says what went wrong with that.
void cancel_left_jobs(const std::filesystem::path& run_dir);

}  // namespace drover::cli
