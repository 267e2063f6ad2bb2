#include "drover/exec/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace drover::exec {

namespace {

/// Set by drover for every attempt, or between its own processes.
constexpr auto kOwnNames = std::to_array<std::string_view>({"DROVER_RUN_ID", "DROVER_TASK_ID", "DROVER_TASK_ATTEMPT",
                                                            "DROVER_SLOT", "DROVER_GROUP", "DROVER_RANK", "DROVER_NODE",
                                                            "DROVER_RUN_DIR", "DROVER_SUPERVISOR", "DROVER_JOIN_SOCKET",
                                                            "DROVER_OPEN_FILES", "PARALLEL_SEQ", "PARALLEL_JOBSLOT"});

bool is_drovers(std::string_view variable) {
  return std::find(kOwnNames.begin(), kOwnNames.end(), name_of(variable)) != kOwnNames.end();
}

}  // namespace

Environment::Environment(const core::ExecProfile& profile, const Identity& identity, const Variables& origin) {
  Variables inherited;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!is_drovers(*variable)) inherited.emplace_back(*variable);
  common_ = without_launcher(inherited, origin);
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

Environment::ForAttempt Environment::for_attempt(core::AttemptId attempt, const Placement& placement) const {
  const std::string task = std::to_string(attempt.task.value);
  const std::string job_slot = std::to_string(placement.job_slot);
  ForAttempt result;
  result.own_ = {"DROVER_TASK_ID=" + task, "DROVER_TASK_ATTEMPT=" + std::to_string(attempt.n),
                 "DROVER_SLOT=" + std::to_string(placement.slot), "PARALLEL_SEQ=" + task,
                 "PARALLEL_JOBSLOT=" + job_slot};
  result.pointers_.reserve(common_.size() + result.own_.size() + 1);
  // const_cast: exec's signature, which changes nothing.
  for (const std::string& variable : common_) result.pointers_.push_back(const_cast<char*>(variable.c_str()));
  for (std::string& variable : result.own_) result.pointers_.push_back(variable.data());
  result.pointers_.push_back(nullptr);
  return result;
}

std::string_view Environment::value(std::string_view name) const {
  for (const std::string& variable : common_)
    if (name_of(variable) == name) return std::string_view(variable).substr(name.size() + 1);
  return {};
}

}  // namespace drover::exec
