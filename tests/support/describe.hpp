// Facts and commands in words, for traces and complaints.
#pragma once

#include <string>

#include "drover/core/events.hpp"

namespace drover::test {

/// `7.2`: the second attempt of task 7.
[[nodiscard]] std::string text(core::AttemptId attempt);
[[nodiscard]] std::string text(const core::Fact& fact);
[[nodiscard]] std::string text(const core::Command& command);

}  // namespace drover::test
