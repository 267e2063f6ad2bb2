// Random draws that are the same on every platform and library: a seed reproduces a world for ever.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

#include "drover/core/task.hpp"

namespace drover::simulation {

/// SplitMix64 (Steele, Lea, Flood 2014), with the few distributions that the worlds need.
class Random {
 public:
  /// The seed is mixed, or the draws of one seed would be those of the next, one later.
  explicit Random(std::uint64_t seed) : state_(mixed(seed)) {}

  std::uint64_t next() { return mixed(state_ += 0x9E3779B97F4A7C15ULL); }

  /// In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  bool chance(double probability) { return unit() < probability; }

  /// In [low, high], both included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + next() % (high - low + 1); }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return static_cast<std::uint32_t>(between(std::uint64_t{low}, std::uint64_t{high}));
  }

  double between(double low, double high) { return low + (high - low) * unit(); }

  /// In [low, high], each order of magnitude as likely as any other.
  double log_between(double low, double high) { return low * std::pow(high / low, unit()); }

  core::Duration between(core::Duration low, core::Duration high) {
    return core::Duration(
        static_cast<core::Duration::rep>(between(static_cast<double>(low.count()), static_cast<double>(high.count()))));
  }

 private:
  static std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

/// `duration` times `factor`, for factors that are not whole.
[[nodiscard]] inline core::Duration scaled(core::Duration duration, double factor) {
  return core::Duration(static_cast<core::Duration::rep>(static_cast<double>(duration.count()) * factor));
}

}  // namespace drover::simulation
