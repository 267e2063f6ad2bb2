// What happened in a world, a line each; kept only when somebody wants to read it.
#pragma once

#include <deque>
#include <sstream>
#include <string>
#include <utility>

#include "timeline.hpp"

namespace drover::simulation {

class Trace {
 public:
  Trace(const Timeline& timeline, bool is_on) : timeline_(timeline), is_on_(is_on) {}

  /// One line of `parts`, each something that can be streamed.
  template <class... Parts>
  void note(const Parts&... parts) {
    if (!is_on_) return;
    std::ostringstream line;
    line << std::chrono::duration<double>(timeline_.now().time_since_epoch()).count() << "s  ";
    (line << ... << parts);
    lines_.push_back(std::move(line).str());
    if (lines_.size() > kMostLines) lines_.pop_front();
  }

  [[nodiscard]] bool is_on() const { return is_on_; }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr std::size_t kMostLines = 100'000;
  const Timeline& timeline_;
  bool is_on_;
  std::deque<std::string> lines_;
};

}  // namespace drover::simulation
