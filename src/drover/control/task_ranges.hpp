// Sets of tasks, as clients write them.
#pragma once

#include <vector>

#include "drover/control/requests.hpp"

namespace drover::control {

/// The same tasks, each in one range only, in ascending order.
[[nodiscard]] std::vector<TaskRange> disjoint(std::vector<TaskRange> ranges);

}  // namespace drover::control
