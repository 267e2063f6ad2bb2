// Reads outputs that are stored, while more are being stored.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string_view>

#include "drover/core/ids.hpp"
#include "drover/journal/stored_output.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::journal {

/// Has descriptors of its own; any thread may use it, one at a time.
class OutputReader {
 public:
  /// Takes the next bytes, at most 64 KiB; returns whether it wants more.
  using Visitor = std::function<bool(std::string_view)>;

  /// `directory` as given to the OutputStore that writes it. Throws Error if it cannot be read.
  OutputReader(std::filesystem::path directory, OutputLayout layout);

  /// Throws Error if the bytes cannot be read, or are not there.
  void read(core::TaskId task, core::Stream stream, const Extent& extent, const Visitor& visit) const;

 private:
  std::filesystem::path directory_;
  OutputLayout layout_;
  std::array<support::UniqueFd, 2> combined_;
};

}  // namespace drover::journal
