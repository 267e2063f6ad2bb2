// What is asked about tasks that have their terminal record. Each of these has a connection of its own
// to run.db, and throws Error if it cannot read there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "drover/core/ids.hpp"
#include "drover/journal/output_records.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::journal {

/// For an OutputStore. Valid without the run's journal.
[[nodiscard]] OutputRecords output_records(const RunDirectory& run);

/// For people: what became of a task, in a sentence; empty if it has no terminal record.
[[nodiscard]] std::function<std::string(core::TaskId)> task_history(const RunDirectory& run);

struct EndedTask {
  core::AttemptId attempt;  ///< `n` is 0 if it ended without one
  std::string tag;          ///< how people know it
  StoredOutput output;
  std::uint64_t index_begin = 0;  ///< its line in the index of outputs; 0 and 0 if it has none
  std::uint64_t index_end = 0;
  bool is_output_given_up = false;  ///< it was damaged: see output_check.hpp
};

/// The tasks from `first` on that have ended, in order, with the output that is in the store at
/// `outputs`; until `visit` returns false. Memory: where the outputs of these are.
void for_each_ended(const RunDirectory& run, const std::filesystem::path& outputs, core::TaskId first,
                    const std::function<bool(const EndedTask&)>& visit);

/// The tasks of which the output was stored from `index_begin` on, in the order of storing, but for
/// those that are to run again.
void for_each_stored(const RunDirectory& run, const std::filesystem::path& outputs, std::uint64_t index_begin,
                     const std::function<void(const EndedTask&)>& visit);

}  // namespace drover::journal
