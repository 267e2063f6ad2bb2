#pragma once

#include <span>
#include <utility>
#include <vector>

#include "drover/exec/attempt_handler.hpp"
#include "support/catch.hpp"

namespace drover::test {

/// Keeps what it hears of functions.
class AttemptRecorder final : public exec::AttemptHandler {
 public:
  void on_output(core::AttemptId, core::Stream, std::span<const char>) override { FAIL("functions have no output"); }
  void on_ended(core::AttemptResult result) override { results.push_back(std::move(result)); }
  void on_waiting(core::AttemptId, bool is_waiting) override { waits.push_back(is_waiting); }
  std::vector<core::AttemptResult> results;
  std::vector<bool> waits;
};

}  // namespace drover::test
