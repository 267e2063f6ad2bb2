// Durations as people write them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace drover::support {

/// Parses `10`, `1.5s`, `200ms`, `5m`, `1h30m`, `2d`; a bare number is seconds.
/// Throws UsageError naming the text when it is not a duration, is negative or overflows.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);

/// A form that parse_duration() reads as the same duration: `0`, `200ms`, `5s`, `1.5s`, `1h30m`.
[[nodiscard]] std::string exact_duration(std::chrono::nanoseconds duration);

/// The shortest exact-enough form for people: `850ms`, `12.3s`, `4m05s`, `2h07m`.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace drover::support
