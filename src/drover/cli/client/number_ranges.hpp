// Sets of numbers as people write them: `3`, `5-9`, `1,4-6`.
#pragma once

#include <string>
#include <vector>

#include "drover/control/requests.hpp"

namespace drover::cli {

/// Throws UsageError naming the text when it is no such list of tasks.
[[nodiscard]] std::vector<control::TaskRange> parse_task_ranges(const std::string& text);

/// Adds a range behind the others, joined with the last if it goes on from there.
void append_range(std::vector<control::TaskRange>& ranges, const control::TaskRange& range);

/// `1,4-6`.
[[nodiscard]] std::string format_ranges(const std::vector<control::TaskRange>& ranges);

}  // namespace drover::cli
