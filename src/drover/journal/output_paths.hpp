// Names of the files in an output directory.
#pragma once

#include <filesystem>
#include <string>

#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"

namespace drover::journal {

inline std::filesystem::path combined_path(const std::filesystem::path& directory, core::Stream stream) {
  return directory / (stream == core::Stream::out ? "stdout" : "stderr");
}

inline std::filesystem::path task_path(const std::filesystem::path& directory, core::TaskId task, core::Stream stream) {
  return directory / (std::to_string(task.value) + (stream == core::Stream::out ? ".out" : ".err"));
}

inline std::filesystem::path index_path(const std::filesystem::path& directory) {
  return directory / "index.tsv";
}

}  // namespace drover::journal
