// What a run was asked to do: all that is needed to take it up again.
#pragma once

#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

/// An option that was set, by whoever set it, with its values in order.
struct StoredOption {
  std::string name;
  std::vector<std::string> values;

  friend bool operator==(const StoredOption&, const StoredOption&) = default;
};

struct RunDescription {
  std::string run_id;
  std::string drover_version;
  core::WallMicros created_at = 0;
  /// Where drover was started: what relative paths are relative to.
  std::string directory;
  /// What the tasks come from, as its owner writes it: JSON.
  std::string input;
  std::vector<StoredOption> options;  ///< by name

  friend bool operator==(const RunDescription&, const RunDescription&) = default;
};

/// Creates the database of a run: it has the description, and no tasks. Throws Error.
void create_run(const RunDirectory& run, const RunDescription& description, const DatabaseOptions& options = {});

/// Replaces the options. Throws Error.
void write_options(RunDatabase& database, const std::vector<StoredOption>& options);

/// Throws Error if it cannot be read.
[[nodiscard]] RunDescription read_description(SQLite::Database& database, const std::filesystem::path& path);

}  // namespace drover::journal
