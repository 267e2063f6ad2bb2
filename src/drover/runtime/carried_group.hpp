// A group on another host whose connection to the master this process carries: what stays with the group there has it
// for its standard input and output, so that only this process needs a way to the master.
#pragma once

#include <string>
#include <vector>

#include "drover/runtime/join_channel.hpp"

namespace drover::runtime {

/// How `drover worker --join -` says by its exit status what has come of its group; the rest as everywhere.
inline constexpr int kGroupLost = 1;    ///< after it had joined
inline constexpr int kNoMasterMet = 2;  ///< nobody answered
inline constexpr int kGroupFailed = 3;  ///< before it had joined
inline constexpr int kRunStopped = 4;   ///< with work left

struct CarriedGroup {
  JoinPath path;                     ///< to the master
  std::vector<std::string> command;  ///< executed here, gets to the host and starts `drover worker --join -` there
};

/// Serves until the command has ended. The first of SIGTERM, SIGINT, SIGHUP and SIGUSR1 has the group finish what it
/// executes, a second ends it. Returns the command's wait status; or kNoMasterMet as one when nobody answers here, and
/// then `reason` says why. Throws drover::Error when something cannot be started.
[[nodiscard]] int carry(const CarriedGroup& group, std::string& reason);

/// Executes all commands at once, hands these signals on to each, and waits for all. Returns their wait statuses.
[[nodiscard]] std::vector<int> run_side_by_side(const std::vector<std::vector<std::string>>& commands);

}  // namespace drover::runtime
