// Calls one that has something to do at a time; of several times the earliest counts.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "timeline.hpp"

namespace drover::simulation {

/// Outlives the timeline's last step.
class Alarm {
 public:
  Alarm(Timeline& timeline, std::function<void()> action) : timeline_(timeline), action_(std::move(action)) {}
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Calls at `time`, unless it does so before; then it is to be set again.
  void set(core::Time time) {
    if (time_ && *time_ <= time) return;
    time_ = time;
    timeline_.at(time, [this, number = ++number_] {
      if (number != number_) return;
      time_.reset();
      action_();
    });
  }

 private:
  Timeline& timeline_;
  std::function<void()> action_;
  std::optional<core::Time> time_;
  std::uint64_t number_ = 0;
};

}  // namespace drover::simulation
