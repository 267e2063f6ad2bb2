// One call of a function of the program, on the thread that asks for it.
#pragma once

#include <atomic>

#include "drover/core/events.hpp"
#include "drover/exec/function_table.hpp"

namespace drover::exec {

/// Calls the function that the assignment names, and says how that went: with its result, its exception
/// or the lack of such a function. When `is_cancelled` is set before, it is not called.
[[nodiscard]] core::AttemptResult call_function(const FunctionTable& functions, const core::Assignment& assignment,
                                                const Placement& placement, const Identity& worker,
                                                const std::atomic<bool>& is_cancelled);

}  // namespace drover::exec
