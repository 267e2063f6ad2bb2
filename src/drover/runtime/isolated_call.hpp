// In a process of its own: executes one function for the worker that had the process forked.
#pragma once

#include "drover/exec/function_table.hpp"
#include "drover/runtime/call_board.hpp"

namespace drover::runtime {

/// Takes a wire::Call from the connection, executes it, tells its result and returns. What the function
/// submits to `calls`, which was the parent's and unused, goes to the worker. The process must end by
/// _exit() afterwards. Ends it itself when the worker is gone.
void serve_isolated_call(int connection, const exec::FunctionTable& functions, CallBoard& calls);

}  // namespace drover::runtime
