// SQLite's own file layer, with a record of everything that it does to files: what a crash would leave
// of them at any moment can then be made.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "simulation/random.hpp"

namespace drover::test {

namespace file_operation {
struct Write {
  std::string path;
  std::int64_t offset = 0;
  std::string bytes;
};
struct Truncate {
  std::string path;
  std::int64_t size = 0;
};
struct Delete {
  std::string path;
};
/// Whatever was done to the file before is on the disk.
struct Sync {
  std::string path;
};
/// The directory of the file is on the disk: whatever was deleted from it stays deleted.
struct SyncDirectory {
  std::string path;
};
}  // namespace file_operation

using FileOperation = std::variant<file_operation::Write, file_operation::Truncate, file_operation::Delete,
                                   file_operation::Sync, file_operation::SyncDirectory>;

/// Registered with SQLite under its name for as long as it lives; one thread.
class LoggingVfs {
 public:
  LoggingVfs();
  ~LoggingVfs();
  LoggingVfs(const LoggingVfs&) = delete;
  LoggingVfs& operator=(const LoggingVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<FileOperation>& log() const { return log_; }

  /// From now on every write is an I/O error, until told otherwise.
  void fail_writes(bool fail) { fails_writes_ = fail; }

 private:
  struct File;
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags);
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory);

  std::string name_ = "drover-logging";
  sqlite3_vfs* base_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_{};
  std::vector<FileOperation> log_;
  bool fails_writes_ = false;
};

/// Makes in `to` what the first `num` operations, all on files in `from`, left there when the process
/// died: of the one that came next, if it was a write, `num_torn_bytes`.
void replay_until_death(const std::vector<FileOperation>& log, std::size_t num, std::size_t num_torn_bytes,
                        const std::filesystem::path& from, const std::filesystem::path& to);

/// The same when the power failed: of what was done to a file since it was last synced, and of what was
/// deleted since the directory was, the disk has some.
void replay_until_power_failed(const std::vector<FileOperation>& log, std::size_t num, simulation::Random& random,
                               const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace drover::test
