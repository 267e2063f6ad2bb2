// Which tasks have ended, where it is not simply all of them.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>

#include "drover/core/ids.hpp"

namespace drover::journal {

/// Keeps track of the first task that has not ended. Memory: a bit for each task from there on.
class Completion {
 public:
  /// Every task before `first` has ended, none from there on.
  explicit Completion(core::TaskId first = core::TaskId(1)) : first_word_(first.value / 64), first_(first.value) {
    words_.push_back((std::uint64_t{1} << (first.value % 64)) - 1);
  }

  void set_ended(core::TaskId task) {
    const std::uint64_t word = task.value / 64;
    if (word < first_word_) return;
    while (words_.size() <= word - first_word_) words_.push_back(0);
    words_[word - first_word_] |= std::uint64_t{1} << (task.value % 64);
    if (task.value == first_) advance();
  }

  [[nodiscard]] core::TaskId first_unfinished() const { return core::TaskId(first_); }

 private:
  void advance() {
    while (words_.size() > 1 && ~words_.front() == 0) {
      words_.pop_front();
      ++first_word_;
    }
    first_ = first_word_ * 64 + static_cast<std::uint64_t>(std::countr_one(words_.front()));
  }

  std::uint64_t first_word_;
  std::uint64_t first_;
  std::deque<std::uint64_t> words_;
};

}  // namespace drover::journal
