#include "drover/cli/exit_status.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>

namespace drover::cli {

namespace {

constexpr int kTimeLimit = 124;
constexpr int kSignalBase = 128;
constexpr std::uint64_t kMostCounted = 101;

int status_with_work_left(const runtime::RunEnd& end) {
  // Nobody asked for the end: then it should not have come.
  if (!end.stop_reason) return kInternalFailure;
  switch (*end.stop_reason) {
    case core::StopReason::requested:
      return kSignalBase + end.signal.value_or(SIGINT);
    case core::StopReason::halt_policy:
      return exit_status(end.counts);
    case core::StopReason::time_limit:
      return kTimeLimit;
    case core::StopReason::rollover:  // and it is this process that ends: no other goes on
    case core::StopReason::no_workers:
    case core::StopReason::internal:
      break;
  }
  return kInternalFailure;
}

}  // namespace

int exit_status(const core::Counts& counts) {
  return static_cast<int>(std::min(counts.unsuccessful(), kMostCounted));
}

int exit_status(const runtime::RunEnd& end, const Bystanders& bystanders) {
  if (!end.failure.empty()) return kInternalFailure;
  if (bystanders.is_reader_gone) return kSignalBase + SIGPIPE;
  if (end.has_work_left()) return status_with_work_left(end);
  return bystanders.program_status.value_or(exit_status(end.counts));
}

}  // namespace drover::cli
