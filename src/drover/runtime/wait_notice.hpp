// When to speak of a wait: after a few seconds, and then ever more rarely.
#pragma once

#include <algorithm>
#include <chrono>

#include "drover/core/task.hpp"

namespace drover::runtime {

class WaitNotice {
 public:
  explicit WaitNotice(core::Time begin) : begin_(begin) {}

  /// When it is time for the next word.
  [[nodiscard]] core::Time next() const { return begin_ + after_; }
  /// Whether it is time for one, which is then taken for said.
  [[nodiscard]] bool is_due(core::Time now) {
    if (now < next()) return false;
    while (next() <= now) after_ += std::min(after_, core::Duration(kLongestPause));
    return true;
  }
  /// How long the wait has been going on.
  [[nodiscard]] core::Duration age(core::Time now) const { return now - begin_; }

 private:
  static constexpr std::chrono::seconds kFirst{5};
  static constexpr std::chrono::minutes kLongestPause{1};

  core::Time begin_;
  core::Duration after_ = kFirst;
};

}  // namespace drover::runtime
