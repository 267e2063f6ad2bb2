#include "drover/core/policy.hpp"

#include <algorithm>

namespace drover::core {

bool HaltPolicy::is_reached(std::uint64_t accepted, std::uint64_t succeeded, std::uint64_t failed) const {
  if (when == When::never) return false;
  const std::uint64_t count = what == What::fail ? failed : what == What::success ? succeeded : succeeded + failed;
  if (num > 0) return count >= num;
  return count > 0 && static_cast<double>(count) * 100 >= percent * static_cast<double>(accepted);
}

Duration RetryPolicy::delay(std::uint32_t failures) const {
  Duration delay = first_delay;
  for (std::uint32_t i = 1; i < failures && delay < longest_delay; ++i) delay *= 2;
  return std::min(delay, longest_delay);
}

std::uint32_t CreditPolicy::per_slot(std::optional<Duration> mean_runtime, std::uint64_t num_ready,
                                     std::uint64_t num_slots) const {
  if (fixed_per_slot) return *fixed_per_slot;
  if (!mean_runtime || num_slots == 0) return 0;
  const auto mean_ns = std::max<Duration::rep>(mean_runtime->count(), 1);
  const auto wanted = static_cast<std::uint64_t>(horizon.count() / mean_ns);
  const std::uint64_t fair_share = num_ready / (2 * num_slots);
  return static_cast<std::uint32_t>(std::min({wanted, fair_share, std::uint64_t{max_per_slot}}));
}

}  // namespace drover::core
