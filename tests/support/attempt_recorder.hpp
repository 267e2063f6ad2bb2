#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drover/exec/attempt_handler.hpp"
#include "support/catch.hpp"

namespace drover::test {

/// Keeps what it hears of functions.
class AttemptRecorder final : public exec::AttemptHandler {
 public:
  void on_output(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes) override {
    outputs[{attempt, stream}].append(bytes.begin(), bytes.end());
  }
  void on_words(core::Stream stream, std::span<const char> bytes) override {
    words[stream].append(bytes.begin(), bytes.end());
  }
  void on_ended(core::AttemptResult result) override { results.push_back(std::move(result)); }
  void on_waiting(core::AttemptId, bool is_waiting) override { waits.push_back(is_waiting); }
  [[nodiscard]] std::string output(core::AttemptId attempt, core::Stream stream = core::Stream::out) {
    return outputs[{attempt, stream}];
  }

  std::map<std::pair<core::AttemptId, core::Stream>, std::string> outputs;
  std::map<core::Stream, std::string> words;
  std::vector<core::AttemptResult> results;
  std::vector<bool> waits;
};

}  // namespace drover::test
