// The last line of a stream that says something, of whatever length the stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace drover::exec {

/// Keeps at most kMostBytes of a line, and no more memory than two such lines.
class LastLine {
 public:
  static constexpr std::size_t kMostBytes = 200;

  void take(std::span<const char> bytes) {
    for (const char c : bytes) {
      if (c == '\n' || c == '\r')
        end_line();
      else if (current_.size() < kMostBytes)
        current_ += c;
    }
  }

  /// The last line that is not blank; a line without an end counts.
  [[nodiscard]] std::string line() const { return is_blank(current_) ? last_ : current_; }

 private:
  static bool is_blank(const std::string& line) { return line.find_first_not_of(" \t") == std::string::npos; }

  void end_line() {
    if (!is_blank(current_)) last_ = current_;
    current_.clear();
  }

  std::string current_;
  std::string last_;
};

}  // namespace drover::exec
