// The rows of the view `tasks`, for those who print them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::cli {

/// A task that has ended.
struct TaskRecord {
  core::TaskId task;
  core::OwnerId owner;
  std::string state;
  bool is_command = true;
  std::string payload;
  std::vector<std::uint32_t> slot_marks;
  std::string tag;
  std::uint32_t attempt = 0;  ///< 0: it ended without one, and what follows says nothing
  int exit = 0;
  int signal = 0;
  std::string reason;
  std::string host;
  double started_at = 0;  ///< seconds since 1970
  double ended_at = 0;
  double runtime = 0;  ///< seconds
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  std::string stderr_tail;
};

/// Visits the ended tasks in order, or those of them that did not succeed; until `visit` returns false.
/// Reads a thousand at a time, so that a master whose commits wait for readers need not wait long.
/// Throws Error if the journal cannot be read.
void for_each_record(const journal::RunDirectory& run, bool only_failed,
                     const std::function<bool(const TaskRecord&)>& visit);

}  // namespace drover::cli
