// The input of a run that is taken up again: what it gave before is passed over, and known by content.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drover/journal/fingerprint.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// A source that has no tasks.
class EmptySource final : public runtime::TaskSource {
 public:
  Batch pull(std::size_t) override { return {{}, State::end}; }
  [[nodiscard]] int wait_fd() const override { return -1; }
};

/// The next tasks, at most `max`, waiting for them if need be; none at the end.
[[nodiscard]] runtime::TaskSource::Batch pull_waiting(runtime::TaskSource& source, std::uint64_t max);

struct PassedOver {
  std::uint64_t num_tasks = 0;
  journal::Fingerprint fingerprint;
  bool is_at_end = false;
};

/// Takes so many tasks off `source`, or as many as there are, waiting for them if need be.
[[nodiscard]] PassedOver pass_over(runtime::TaskSource& source, std::uint64_t num_tasks);

/// The first task, by its number in the input, that differs from the one that `next_known` gives (none:
/// there are no more), with both commands: "task 17 was 'a' and is 'b'"; empty if none does.
[[nodiscard]] std::string first_difference(runtime::TaskSource& source,
                                           const std::function<std::optional<core::TaskSpec>()>& next_known);

}  // namespace drover::cli
