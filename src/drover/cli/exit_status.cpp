#include "drover/cli/exit_status.hpp"

#include <algorithm>
#include <csignal>

namespace drover::cli {

namespace {

constexpr int kTimeLimit = 124;
constexpr int kSignalBase = 128;
constexpr std::uint64_t kMostCounted = 101;

}  // namespace

int exit_status(const core::Counts& counts) {
  return static_cast<int>(std::min(counts.unsuccessful(), kMostCounted));
}

int exit_status(const runtime::RunEnd& end, bool is_reader_gone) {
  if (!end.failure.empty()) return kInternalFailure;
  if (is_reader_gone) return kSignalBase + SIGPIPE;
  const bool has_work_left = end.stop_reason.has_value();
  if (has_work_left && end.stop_reason == core::StopReason::time_limit) return kTimeLimit;
  if (has_work_left && end.signal) return kSignalBase + *end.signal;
  return exit_status(end.counts);
}

}  // namespace drover::cli
