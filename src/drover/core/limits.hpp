// How much there may be of what a run keeps.
#pragma once

#include <cstdint>

#include "drover/core/task.hpp"
#include "drover/support/error.hpp"

namespace drover::core {

/// Of one task: its command or arguments, with its tag; and of one result. A record of the journal holds less than
/// 10^9 bytes, with all that belongs to it (SQLITE_MAX_LENGTH, https://www.sqlite.org/limits.html).
inline constexpr std::uint64_t kMostTaskBytes = 900'000'000;

/// Before the task is accepted. Throws UsageError.
inline void check_size(const TaskSpec& spec, std::uint64_t most = kMostTaskBytes) {
  const std::uint64_t size = spec.payload.size() + spec.tag.size();
  if (size <= most) return;
  throw UsageError((spec.kind == TaskKind::function ? "the arguments of a task have " : "a command has ") +
                   std::to_string(size) + " bytes, and can have " + std::to_string(most) +
                   ": put the data in a file and give its name" +
                   (spec.kind == TaskKind::function ? ", or broadcast what many tasks share" : ""));
}

}  // namespace drover::core
