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
  live,         ///< a master listens
  unreachable,  ///< its master is on this host, but the socket is missing: it makes another
  elsewhere,    ///< its master is on another host
  not_yours,
  over,  ///< it has no master
};

struct RunInfo {
  std::filesystem::path directory;
  RunState state;
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

/// Whether the socket of a master that lives here will be there in a moment.
[[nodiscard]] bool is_coming_back(const std::filesystem::path& run_dir);

}  // namespace drover::control
