// Totals of a run, for progress, summaries and the exit status.
#pragma once

#include <cstdint>

namespace drover::core {

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t quarantined = 0;

  std::uint64_t ready = 0;
  std::uint64_t delayed = 0;
  std::uint64_t dispatched = 0;  ///< with a worker, including those that execute
  std::uint64_t executing = 0;

  std::uint64_t superseded = 0;     ///< results dropped because their attempt was not the current one
  std::uint64_t lost_attempts = 0;  ///< attempts that went with their worker
  std::uint64_t workers_joined = 0;
  std::uint64_t workers_lost = 0;

  /// Ended without success.
  [[nodiscard]] std::uint64_t unsuccessful() const { return failed + timed_out + cancelled + quarantined; }
  [[nodiscard]] std::uint64_t ended() const { return succeeded + unsuccessful(); }
  /// Accepted, and without a terminal record.
  [[nodiscard]] std::uint64_t unfinished() const { return accepted - ended(); }

  friend bool operator==(const Counts&, const Counts&) = default;
};

}  // namespace drover::core
