// Tells whether an input gives the tasks that it gave before.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "drover/core/task.hpp"

namespace drover::journal {

/// A running digest of a sequence of tasks. Made to notice an edited file, not an adversary.
class Fingerprint {
 public:
  Fingerprint() = default;
  explicit Fingerprint(std::uint64_t value) : value_(value) {}

  void add(const core::TaskSpec& spec) {
    add(static_cast<std::uint64_t>(spec.kind));
    add(spec.payload);
    add(spec.slot_marks.size());
    for (const std::uint32_t mark : spec.slot_marks) add(mark);
    add(spec.tag);
  }

  [[nodiscard]] std::uint64_t value() const { return value_; }
  friend bool operator==(Fingerprint, Fingerprint) = default;

 private:
  void add(std::uint64_t word) {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio, as in many hashes
    value_ = std::rotl((value_ ^ word) * kMultiplier, 29) + kMultiplier;
  }
  void add(std::string_view bytes) {
    add(bytes.size());
    for (; bytes.size() >= sizeof(std::uint64_t); bytes.remove_prefix(sizeof(std::uint64_t)))
      add(word(bytes.substr(0, sizeof(std::uint64_t))));
    if (!bytes.empty()) add(word(bytes));
  }
  static std::uint64_t word(std::string_view bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    return word;
  }

  std::uint64_t value_ = 0;
};

}  // namespace drover::journal
