// What a program's earlier submissions came to: it is started again, submits its tasks again, and each is known by
// its content.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/core/task.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

/// A task of an earlier session.
struct RecordedCall {
  core::TaskId task;
  /// None: it is unfinished, or was as last committed.
  std::optional<core::TaskEnd> how;
  std::uint32_t num_attempts = 0;
  core::Outcome outcome;  ///< of the attempt that ended it
  std::string value;      ///< what its function returned, serialized
};

/// The functions that a run's program submitted, and those that its tasks did. Reads of run.db what is asked for;
/// memory: 20 bytes for each of them. Used by the master's thread only, like the journal that writes there.
class RecordedCalls {
 public:
  /// Takes stock of those that there are. Throws Error if they cannot be read.
  explicit RecordedCalls(const RunDirectory& run);

  /// The first that has been submitted with this function, argument, label and maker, and that was not given here
  /// before: equal submissions are told apart by their order alone. None: it is a new one. Those that were cancelled
  /// do not count: who submits such a task again wants it. Throws Error.
  [[nodiscard]] std::optional<RecordedCall> take(const core::TaskSpec& spec);

 private:
  struct Entry {
    std::uint64_t digest;
    core::TaskId task;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  [[nodiscard]] std::optional<RecordedCall> read(core::TaskId task, const core::TaskSpec& spec);

  std::filesystem::path path_;
  SQLite::Database database_;
  SQLite::Statement select_;
  std::vector<Entry> entries_;             ///< sorted
  std::vector<std::uint32_t> num_passed_;  ///< at the first entry of a digest: how many of that digest are done with
};

}  // namespace drover::journal
