// The clocks of the running program. The layers below are told the time; here it is read.
#pragma once

#include <chrono>

#include "drover/core/task.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::runtime {

[[nodiscard]] inline core::Time now() {
  return core::Time(std::chrono::duration_cast<core::Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

using support::wall_now;

}  // namespace drover::runtime
