// drover.log: what drover itself has to say, in the directory of the run.
#pragma once

#include <spdlog/common.h>

#include <filesystem>

namespace drover::cli {

/// From now on spdlog's default logger appends to `file`. Throws Error if it cannot be written.
void log_to(const std::filesystem::path& file, spdlog::level::level_enum level);

}  // namespace drover::cli
