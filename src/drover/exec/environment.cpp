#include "drover/exec/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace drover::exec {

namespace {

constexpr auto kLauncherPrefixes =
    std::to_array<std::string_view>({"OMPI_", "PMIX_", "PMI_", "PRTE_", "ORTE_", "OPAL_"});
/// Set by drover for every attempt, or between its own processes.
constexpr auto kOwnNames = std::to_array<std::string_view>(
    {"DROVER_RUN_ID", "DROVER_TASK_ID", "DROVER_TASK_ATTEMPT", "DROVER_SLOT", "DROVER_GROUP", "DROVER_RANK",
     "DROVER_NODE", "DROVER_RUN_DIR", "DROVER_SUPERVISOR", "PARALLEL_SEQ", "PARALLEL_JOBSLOT"});

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

bool is_inherited(std::string_view variable) {
  const std::string_view name = name_of(variable);
  return std::none_of(kLauncherPrefixes.begin(), kLauncherPrefixes.end(),
                      [name](std::string_view prefix) { return name.starts_with(prefix); }) &&
         std::find(kOwnNames.begin(), kOwnNames.end(), name) == kOwnNames.end();
}

}  // namespace

Environment::Environment(const core::ExecProfile& profile, const Identity& identity) {
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (is_inherited(*variable)) common_.emplace_back(*variable);
  for (const std::string& variable : profile.env) {
    std::erase_if(common_, [&](const std::string& other) { return name_of(other) == name_of(variable); });
    common_.push_back(variable);
  }
  common_.push_back("DROVER_RUN_ID=" + profile.run_id);
  common_.push_back("DROVER_RUN_DIR=" + profile.run_dir);
  common_.push_back("DROVER_GROUP=" + std::to_string(identity.group.value));
  common_.push_back("DROVER_RANK=" + std::to_string(identity.worker.value));
  common_.push_back("DROVER_NODE=" + identity.node);
}

const std::vector<char*>& Environment::for_attempt(core::AttemptId attempt, const Placement& placement) {
  const std::string task = std::to_string(attempt.task.value);
  const std::string job_slot = std::to_string(placement.job_slot);
  own_ = {"DROVER_TASK_ID=" + task, "DROVER_TASK_ATTEMPT=" + std::to_string(attempt.n),
          "DROVER_SLOT=" + std::to_string(placement.slot), "PARALLEL_SEQ=" + task, "PARALLEL_JOBSLOT=" + job_slot};
  pointers_.clear();
  for (std::string& variable : common_) pointers_.push_back(variable.data());
  for (std::string& variable : own_) pointers_.push_back(variable.data());
  pointers_.push_back(nullptr);
  return pointers_;
}

std::string_view Environment::value(std::string_view name) const {
  for (const std::string& variable : common_)
    if (name_of(variable) == name) return std::string_view(variable).substr(name.size() + 1);
  return {};
}

}  // namespace drover::exec
