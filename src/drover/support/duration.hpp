// Durations as people write them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::support {

/// The longest duration that anybody may give: some thirty of them, added to any time, still fit.
inline constexpr std::chrono::nanoseconds kLongestDuration = std::chrono::hours(24 * 3650);

/// `duration`, made one from zero to the longest: for those that come from programs, unchecked.
[[nodiscard]] constexpr std::chrono::nanoseconds bounded(std::chrono::nanoseconds duration) {
  return std::clamp(duration, std::chrono::nanoseconds::zero(), kLongestDuration);
}

/// `duration`, which is not negative, so many times; the longest that fits where that would wrap.
[[nodiscard]] constexpr std::chrono::nanoseconds times(std::chrono::nanoseconds duration, std::uint64_t factor) {
  using Duration = std::chrono::nanoseconds;
  const auto count = static_cast<std::uint64_t>(duration.count());
  constexpr auto kMost = static_cast<std::uint64_t>(Duration::max().count());
  if (factor != 0 && count > kMost / factor) return Duration::max();
  return Duration(static_cast<Duration::rep>(count * factor));
}

/// The sum of two that are not negative; the longest that fits where that would wrap.
[[nodiscard]] constexpr std::chrono::nanoseconds plus(std::chrono::nanoseconds one, std::chrono::nanoseconds other) {
  return one > std::chrono::nanoseconds::max() - other ? std::chrono::nanoseconds::max() : one + other;
}

/// Parses `10`, `1.5s`, `200ms`, `5m`, `1h30m`, `2d`; a bare number is seconds.
/// Throws UsageError naming the text when it is not a duration, is negative or longer than the longest.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);

/// A form that parse_duration() reads as the same duration: `0`, `200ms`, `5s`, `1.5s`, `1h30m`.
[[nodiscard]] std::string exact_duration(std::chrono::nanoseconds duration);

/// The shortest exact-enough form for people: `850ms`, `12.3s`, `4m05s`, `2h07m`.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace drover::support
