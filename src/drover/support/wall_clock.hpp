// The time of day, for what people and other programs read.
#pragma once

#include <chrono>
#include <cstdint>

namespace drover::support {

/// Microseconds since 1970 (core::WallMicros).
[[nodiscard]] inline std::int64_t wall_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace drover::support
