// The functions that a program can execute for others, by name.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "drover/core/function_call.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/environment.hpp"
#include "drover/support/error.hpp"

namespace drover::exec {

/// Where functions execute.
enum class Isolation : std::uint8_t {
  thread,   ///< on threads of the worker
  process,  ///< each in a process of its own
};

/// One call of a function, as seen from within.
struct FunctionCall {
  core::AttemptId attempt;
  core::OwnerId owner;
  Placement placement;
  const Identity& worker;
  const core::TaskSpec& spec;
  /// Set when nobody wants the result any more, or its time is over: the function should end soon.
  const std::atomic<bool>& is_cancelled;
};

/// Takes its argument serialized and returns its result so. Ends with an exception when it fails.
using Function = std::function<std::string(std::string_view argument, const FunctionCall& call)>;

using FunctionTable = std::map<std::string, Function, std::less<>>;

/// Thrown by a function that has nothing but a reason to say for its failure.
class FunctionFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown out of a function that was interrupted through no fault of its own, and may be called again:
/// it counts as killed.
class FunctionInterrupted : public Error {
 public:
  using Error::Error;
};

using core::call_payload;
using core::CallParts;
using core::parse_call;

}  // namespace drover::exec
