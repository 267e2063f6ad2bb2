// How much a run's records cost, and what that buys.
#pragma once

#include <cstdint>
#include <string_view>

namespace drover::journal {

/// What a crash can lose of what has been acknowledged.
enum class Durability : std::uint8_t {
  full,    ///< nothing, not even when the power fails
  normal,  ///< nothing when processes die; when the power fails, the last seconds
  off,     ///< the last second when the master dies; those tasks run again
};

[[nodiscard]] constexpr std::string_view to_string(Durability durability) {
  switch (durability) {
    case Durability::full:
      return "full";
    case Durability::normal:
      return "normal";
    case Durability::off:
      return "off";
  }
  return "";
}

}  // namespace drover::journal
