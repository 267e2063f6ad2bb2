// Keeps lines of different sources from mixing: passes on what is whole.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace drover::exec {

/// A line that is longer than kMostBytes is passed on in pieces.
class WholeLines {
 public:
  static constexpr std::size_t kMostBytes = 64U << 10;

  /// Gives what is whole up to now.
  [[nodiscard]] std::string take(std::string_view bytes) {
    begun_ += bytes;
    const std::size_t end = begun_.size() > kMostBytes ? begun_.size() : begun_.rfind('\n') + 1;
    std::string whole = begun_.substr(0, end);
    begun_.erase(0, end);
    return whole;
  }
  /// Gives the last line, which has no end.
  [[nodiscard]] std::string take_rest() { return std::exchange(begun_, ""); }

 private:
  std::string begun_;
};

}  // namespace drover::exec
