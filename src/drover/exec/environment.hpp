// The environment that a command sees.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/launcher_variables.hpp"

namespace drover::exec {

/// Who executes: the same for all attempts of a worker.
struct Identity {
  core::WorkerId worker;
  core::GroupId group;
  std::string node;
};

/// Where an attempt executes.
struct Placement {
  std::uint32_t slot = 1;      ///< on this worker, from 1
  std::uint32_t job_slot = 1;  ///< over the whole farm, from 1
};

/// This process's environment without what launchers put there (so that a command may start an MPI
/// program itself), with the profile's variables and drover's own. Copied at construction, and does not change: any
/// thread may use it.
class Environment {
 public:
  /// `origin`: what there was, on the master's side, of the variables that launchers set too.
  Environment(const core::ExecProfile& profile, const Identity& identity, const Variables& origin);

  /// What execve() takes, for one attempt. No longer valid than the environment that made it.
  class ForAttempt {
   public:
    [[nodiscard]] char* const* pointers() const { return pointers_.data(); }

   private:
    friend class Environment;
    std::vector<std::string> own_;
    std::vector<char*> pointers_;
  };
  [[nodiscard]] ForAttempt for_attempt(core::AttemptId attempt, const Placement& placement) const;

  /// The value of a variable that is the same for all attempts; empty if it is not set.
  [[nodiscard]] std::string_view value(std::string_view name) const;

 private:
  std::vector<std::string> common_;
};

}  // namespace drover::exec
