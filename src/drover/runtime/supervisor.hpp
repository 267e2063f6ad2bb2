// The small process outside MPI that a user's terminal talks to when no launcher was used: it starts
// mpirun, passes signals on to the master, takes the exit status from the master rather than from
// mpirun, and ends an mpirun that does not end. When the MPI job dies before the batch is over, or its
// master asks for it, it starts another that goes on from the journal: a rollover.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "drover/core/task.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/supervisor_link.hpp"

namespace drover::runtime {

struct SupervisorPlan {
  /// For the first MPI job.
  MpirunCommand start;
  /// For one that goes on with the run in a directory, with what changes for it. May throw Error: it cannot
  /// be. Null: no rollover.
  std::function<MpirunCommand(const std::string& run_dir, const HostChanges& changes)> resume;
  /// What somebody can type to go on with that run.
  std::function<std::string(const std::string& run_dir)> resume_command;
  /// Whether MPI jobs are to be told of an ompi-server, so that groups can join.
  bool has_meeting_point = false;
  /// Not counting those for hosts that came or left.
  unsigned max_rollovers = 3;
  /// Pause before the first rollover; doubles each time.
  core::Duration rollover_delay = std::chrono::seconds(1);
  /// How long the master may take to end after a second signal; all its processes are ended then.
  core::Duration stop_limit = std::chrono::seconds(15);
  /// Told, in a line, of each rollover, and of what is waited for.
  std::function<void(const std::string&)> say;
};

struct SupervisorResult {
  /// What the master said, or 125 when it could not.
  int exit_status = 125;
  /// What went wrong outside the master; empty when nothing did. Ends with what mpirun itself said.
  std::string failure;
  /// The run that is left without a master that could have tidied up; empty: none is.
  std::string left_run_dir;
};

/// Runs a batch to its end. The calling process must have no other children and no other threads.
/// Throws drover::Error when mpirun cannot be started.
[[nodiscard]] SupervisorResult supervise(SupervisorPlan plan);

}  // namespace drover::runtime
