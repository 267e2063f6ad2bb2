// How much drover's own log has: the master's drover.log, and what worker ranks say on standard error.
#pragma once

#include <spdlog/common.h>

#include <string>

namespace drover::cli {

/// Variable that tells the ranks of a group, which have no such option.
inline constexpr const char* kLogLevelVariable = "DROVER_LOG_LEVEL";

/// Of info, warn or error. Throws UsageError.
[[nodiscard]] spdlog::level::level_enum parse_log_level(const std::string& text);

/// What the variable says, if it says something sensible.
[[nodiscard]] spdlog::level::level_enum log_level_of_environment(spdlog::level::level_enum otherwise);

}  // namespace drover::cli
