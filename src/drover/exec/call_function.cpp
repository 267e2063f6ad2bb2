#include "drover/exec/call_function.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>

#include "drover/core/limits.hpp"
#include "drover/support/thrown.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::exec {

namespace {

constexpr std::size_t kMostStderrTail = 200;
constexpr std::size_t kMostText = 64 * 1024;  ///< of an exception

/// People read it, and a record holds it.
std::string shortened(std::string text) {
  if (text.size() > kMostText) text.replace(kMostText, std::string::npos, "...");
  return text;
}

/// The exception that is being handled.
core::Threw current_exception() {
  try {
    throw;
  } catch (const FunctionFailure& e) {
    return {"", shortened(e.what())};
  } catch (...) {
    support::Thrown thrown = support::describe_current_exception();
    return {std::move(thrown.type), shortened(std::move(thrown.text))};
  }
}

/// Nobody could keep it.
void check_size(const std::string& value) {
  if (value.size() > core::kMostTaskBytes)
    throw FunctionFailure("its result has " + std::to_string(value.size()) + " bytes, and can have " +
                          std::to_string(core::kMostTaskBytes) + ": write it to a file and return the name");
}

core::Duration thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

core::Duration steady() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace

core::AttemptResult call_function(const FunctionTable& functions, const core::Assignment& assignment,
                                  const Placement& placement, const Identity& worker,
                                  const std::atomic<bool>& is_cancelled) {
  core::AttemptResult result;
  result.attempt = assignment.attempt;
  result.started_at = support::wall_now();
  const core::Duration start = steady();
  const core::Duration cpu_start = thread_cpu_time();
  const CallParts call = parse_call(assignment.spec.payload);
  const auto function = functions.find(call.name);
  if (is_cancelled) {
    result.outcome = core::Killed{};  // nobody wants it: it need not begin
  } else if (function == functions.end()) {
    result.outcome = core::NotStarted{ENOENT, "this program has no task named '" + std::string(call.name) +
                                                  "': every rank must register the same ones before run()"};
  } else {
    try {
      result.value = function->second(call.argument, FunctionCall{assignment.attempt, assignment.owner, placement,
                                                                  worker, assignment.spec, is_cancelled});
      check_size(result.value);
    } catch (const FunctionInterrupted&) {
      result.outcome = core::Killed{};
    } catch (...) {
      core::Threw threw = current_exception();
      result.stderr_tail = threw.text.substr(0, kMostStderrTail);
      result.outcome = std::move(threw);
    }
  }
  result.runtime = steady() - start;
  result.cpu_time = thread_cpu_time() - cpu_start;
  return result;
}

}  // namespace drover::exec
