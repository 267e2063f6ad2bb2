// How often the worlds came to what they are there to try: worlds in which nothing happens prove
// nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace drover::simulation {

/// What any few thousand worlds come to.
inline constexpr const char* kExpectedCoverage[] = {
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "quarantined",
    "retries",
    "attempts charged",
    "attempts handed back",
    "superseded results",
    "recalls",
    "workers drained",
    "workers fenced",
    "dead workers lost",
    "frozen workers lost",
    "workers that never came",
    "announcements refused",
    "pauses of the master",
    "hosts quarantined",
    "groups spawned",
    "growth requested",
    "growth failed",
    "growth never answered",
    "requested",
    "halt_policy",
    "time_limit",
    "no_workers",
};

class Coverage {
 public:
  /// `what` is a string literal.
  void count(const char* what, std::uint64_t times = 1) { counts_[what] += times; }
  void add(const Coverage& other) {
    for (const auto& [what, times] : other.counts_) counts_[what] += times;
  }
  [[nodiscard]] std::uint64_t operator[](const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace drover::simulation
