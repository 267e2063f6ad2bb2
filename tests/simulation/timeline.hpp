// Virtual time: what is to happen, in order of time and, at the same time, in the order in which it
// was asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::simulation {

class Timeline {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] core::Time now() const { return now_; }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::uint64_t num_steps() const { return num_steps_; }

  /// What lies in the past happens now.
  void at(core::Time time, Action action) {
    heap_.push_back({std::max(time, now_), next_order_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), is_later);
  }
  void after(core::Duration delay, Action action) { at(now_ + delay, std::move(action)); }

  /// Lets the next thing happen. Not when empty.
  void step() {
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    const Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.time;
    ++num_steps_;
    entry.action();
  }

 private:
  struct Entry {
    core::Time time;
    std::uint64_t order = 0;
    Action action;
  };
  static bool is_later(const Entry& a, const Entry& b) {
    return std::pair(a.time, a.order) > std::pair(b.time, b.order);
  }

  std::vector<Entry> heap_;
  core::Time now_{};
  std::uint64_t next_order_ = 0;
  std::uint64_t num_steps_ = 0;
};

}  // namespace drover::simulation
