// The connection to run.db, in the mode that its file system allows.
//
// On a local file system the database is in WAL mode: a commit is one append, and readers and the
// master never wait for each other. WAL needs memory that is shared between all who have the file
// open, which hosts cannot have: on NFS, Lustre and the like, and wherever it is not known to be safe,
// the database has a rollback journal instead. There, a reader holds up commits for as long as it
// reads (the run goes on meanwhile), and a commit costs a few round trips to the server.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <filesystem>
#include <optional>
#include <string>

#include "drover/journal/append_file.hpp"
#include "drover/journal/durability.hpp"
#include "drover/support/error.hpp"

namespace drover::journal {

struct DatabaseOptions {
  Durability durability = Durability::normal;
  /// Overrules what is known of the file system.
  std::optional<bool> is_local;
  /// SQLite's name of the layer that it writes through; empty: its own.
  std::string vfs;
};

/// A database for the master, which alone writes to it. Closing it folds the write-ahead log into
/// the one file if nobody reads at the time. Not thread-safe.
class RunDatabase {
 public:
  /// Opens `path`, or creates it with the current schema. Throws Error: it cannot be written, is not
  /// a journal, or belongs to a newer drover.
  RunDatabase(const std::filesystem::path& path, const DatabaseOptions& options);
  ~RunDatabase();
  RunDatabase(const RunDatabase&) = delete;
  RunDatabase& operator=(const RunDatabase&) = delete;

  [[nodiscard]] SQLite::Database& get() { return database_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::string& file_system() const { return file_system_; }
  /// Whether it still is the file of that name.
  [[nodiscard]] bool is_in_place() const;
  /// "wal" or "truncate".
  [[nodiscard]] const std::string& journal_mode() const { return journal_mode_; }

 private:
  void set_mode(bool is_local, Durability durability);

  std::filesystem::path path_;
  FileId file_;
  std::string file_system_;
  std::string journal_mode_;
  SQLite::Database database_;
};

/// A connection that only reads, also while a master writes; waits for the master at most 10 s at a
/// time. Throws Error if there is nothing to read.
[[nodiscard]] SQLite::Database open_for_reading(const std::filesystem::path& path);

/// Reads all of a database, and throws Error if anything in it contradicts the rest.
void check_whole(SQLite::Database& database, const std::filesystem::path& path);

/// "cannot write '/runs/7/run.db': database or disk is full (make room there)".
[[nodiscard]] Error database_error(const SQLite::Exception& exception, std::string_view operation,
                                   const std::filesystem::path& path);

/// Does what reads from the database at `path`, with its exceptions in our words.
template <class Read>
auto reading(const std::filesystem::path& path, const Read& read) {
  try {
    return read();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "read", path);
  }
}

/// Whether somebody else has the database locked for the moment.
[[nodiscard]] bool is_busy(const SQLite::Exception& exception);

}  // namespace drover::journal
