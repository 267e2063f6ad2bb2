// A job log of GNU parallel, or of drover, as the starting point of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "drover/cli/run_options.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

struct ImportedJobLog {
  struct Line {
    std::size_t command_hash = 0;
    bool has_succeeded = false;
    core::WallMicros started_at = 0;
    core::Duration runtime{};
    std::uint64_t stdout_bytes = 0;
    std::uint64_t line_number = 0;
  };
  std::string path;
  std::unordered_map<std::uint64_t, Line> lines;  ///< by Seq; of several lines the last
  std::uint64_t highest = 0;
};

/// Memory: some 80 bytes a line. Throws UsageError naming file and line: it cannot be read, or is no job log.
[[nodiscard]] ImportedJobLog read_job_log(const std::string& path);

/// Takes as many tasks off `source` as the log speaks of; those that succeeded there are recorded as
/// that, with what the log says of them. Returns what to tell the user. Throws Error when the commands
/// are not the ones of the log, unless they are to be followed by number.
[[nodiscard]] std::string import_job_log(const ImportedJobLog& log, ChangedInput changed_input,
                                         std::unique_ptr<runtime::TaskSource>& source, journal::SqliteJournal& journal);

}  // namespace drover::cli
