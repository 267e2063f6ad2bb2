// Where the output of a task lies.
#pragma once

#include <cstdint>

#include "drover/core/stream.hpp"

namespace drover::journal {

/// How outputs are kept below the output directory.
enum class OutputLayout : std::uint8_t {
  combined,  ///< all in `stdout` and `stderr`, one task after the other
  per_task,  ///< `<task>.out` and `<task>.err`, those that are not empty
};

/// A stretch of bytes of the file that holds a stream.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const Extent&, const Extent&) = default;
};

/// Both streams of one task.
struct StoredOutput {
  Extent out;
  Extent err;

  [[nodiscard]] bool is_empty() const { return out.length == 0 && err.length == 0; }
  [[nodiscard]] const Extent& of(core::Stream stream) const { return stream == core::Stream::out ? out : err; }
  friend bool operator==(const StoredOutput&, const StoredOutput&) = default;
};

}  // namespace drover::journal
