// Which run is meant.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "drover/control/control_client.hpp"
#include "drover/control/control_socket.hpp"

namespace drover::control {

enum class RunState : std::uint8_t {
  live,       ///< a master listens
  over,       ///< nobody does
  elsewhere,  ///< its master is on another host
  not_yours,
};

struct RunInfo {
  std::filesystem::path directory;
  RunState state = RunState::over;
  std::optional<MasterPlace> place;
  /// When its master began, or when it was last changed.
  std::filesystem::file_time_type time;
};

/// Looks whether the run in this directory has a master. The directory need not be a run's.
[[nodiscard]] RunInfo look_at_run(const std::filesystem::path& directory);

/// The runs below `base`, latest first: those in `drover-runs`, and others of which the directory is `base`
/// itself or in it, as long as they are not over.
[[nodiscard]] std::vector<RunInfo> find_runs(const std::filesystem::path& base);

/// The directory of the run called `name`, a path or a name in `base/drover-runs`, whether it is live or
/// not; if `name` is empty, of the only run below `base` that is live. Throws UsageError: there is none, or
/// several, which it lists.
[[nodiscard]] std::filesystem::path choose_run(const std::string& name, const std::filesystem::path& base);

/// Why a connection to the master of this run failed.
[[nodiscard]] Unreachable unreachable(const std::filesystem::path& run_dir, int errno_value);

}  // namespace drover::control
