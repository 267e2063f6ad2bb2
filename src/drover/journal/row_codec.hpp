// Values of the core as columns of run.db, and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::journal {

/// In attempt_rows.outcome: gone with its worker.
inline constexpr int kLostOutcome = 5;

/// Columns outcome, code and reason of attempt_rows.
struct OutcomeColumns {
  int outcome = 0;
  int code = 0;
  std::string reason;
};

[[nodiscard]] OutcomeColumns encode_outcome(const core::Outcome& outcome);
/// Of one that is not lost. Throws Error if there is no such outcome.
[[nodiscard]] core::Outcome decode_outcome(const OutcomeColumns& columns);

/// 32-bit numbers, little-endian.
[[nodiscard]] std::string encode_slot_marks(const std::vector<std::uint32_t>& marks);
[[nodiscard]] std::vector<std::uint32_t> decode_slot_marks(std::string_view bytes);

}  // namespace drover::journal
