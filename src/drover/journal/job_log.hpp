// joblog.tsv: one line for each task of the batch that has ended, in GNU parallel's format, so that
// its users' scripts, and `parallel --resume-failed` or `--retry-failed` themselves, read it.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/journal/append_file.hpp"

namespace drover::journal {

/// What the column Command says of a task: a newline in the command becomes a NUL, and the number of the
/// job slot, which is known to the worker alone, is `{%}`.
[[nodiscard]] std::string job_log_command(const core::TaskSpec& spec);

/// Columns: `Seq Host Starttime JobRuntime Send Receive Exitval Signal Command`, separated by tabs.
/// As GNU parallel does: times are seconds with three decimals, the runtime padded to ten characters;
/// Receive is the length of stdout; a newline in the command becomes a NUL, a tab stays as it is
/// (Command is the last column); a task that ran out of time has Exitval -1 and the signal.
///
/// A line tells of the last attempt that came to an end. Without one (cancelled before it ran, lost
/// with every worker that tried it) the host is `-`, the start is the time of the record, the runtime
/// 0 and Exitval -1. Tasks that others than the batch submitted are not in it.
///
/// Memory: the command of each task that has not ended, and the host of each worker.
class JobLog {
 public:
  /// Opens or creates the file; a torn last line is dropped. Throws Error.
  explicit JobLog(const std::filesystem::path& path);

  /// Appends a line if `fact` ends a task of the batch.
  void apply(const core::Fact& fact, core::WallMicros now);

  /// Whether the file, as it is on the disk, begins as a job log.
  [[nodiscard]] bool has_header() const;
  /// The tasks that have a line behind the first `size` bytes.
  [[nodiscard]] std::vector<core::TaskId> tasks_behind(std::uint64_t size) const;

  /// Cuts the file to `size` bytes, or to its header if that is 0.
  void rewind(std::uint64_t size);
  /// Forgets what it knows of tasks and workers.
  void forget_all();

  [[nodiscard]] AppendFile& file() { return file_; }
  [[nodiscard]] const AppendFile& file() const { return file_; }

 private:
  struct LastAttempt {
    std::string host;
    core::WallMicros started_at = 0;
    core::Duration runtime{};
    std::uint64_t stdout_bytes = 0;
    int exit_value = 0;
    int signal = 0;
  };

  void remember(const core::fact::TaskAccepted& fact);
  void remember(const core::fact::AttemptEnded& fact);
  void write(const core::fact::TaskEnded& fact, core::WallMicros now);

  AppendFile file_;
  std::unordered_map<core::TaskId, std::string> commands_;
  std::unordered_map<core::TaskId, LastAttempt> attempts_;
  std::unordered_map<core::WorkerId, std::string> hosts_;
};

}  // namespace drover::journal
