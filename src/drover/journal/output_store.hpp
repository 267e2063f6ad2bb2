// The outputs of a run, in few files however many tasks it has.
//
// An attempt's output is spooled as it arrives. When it becomes the task's output, commit() moves it
// behind those stored before; otherwise discard() drops it. `index.tsv` says where it lies, a line
// for each task that wrote anything: task, attempt, offset and length of stdout, of stderr.
//
// A turn of the master: commit() the outputs of tasks that end, flush(), record the facts in the
// journal, and only then deliver. So whatever the journal knows to have ended has its output here,
// and a crash can at most leave outputs at the end of the index of which the journal knows nothing:
// those are dropped when the store is opened again, as their tasks run again. Outputs are neither
// lost nor doubled.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/journal/output_reader.hpp"
#include "drover/journal/output_records.hpp"
#include "drover/journal/output_spool.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::journal {

/// Used by the master's thread only; an OutputReader may read at the same time. Memory is bounded
/// (see OutputSpool), and so is the number of descriptors. Any method throws Error when the disk is
/// full or fails: the run must then stop, and the attempt that was being written must not be recorded.
class OutputStore {
 public:
  /// Opens or creates; the directory, if it is made, with this mode less the umask. Of a store that is there, what lies
  /// behind the last line of the index that is whole, has its bytes and is on record is removed: whoever opens it has
  /// seen to it that nothing else is wrong with it (see output_check.hpp).
  OutputStore(std::filesystem::path directory, OutputLayout layout,
              const OutputRecords& records = OutputRecords::none(), mode_t directory_mode = support::kOwnDirectoryMode);

  /// From now on sync() will be called now and then.
  void expect_sync() { is_sync_expected_ = true; }

  void append(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes);

  /// Makes what the attempt wrote the output of its task. Readable after flush() (with per-task files
  /// at once). An attempt that wrote nothing has two empty extents and no line in the index. With
  /// per-task files a file is complete once its task is in the index.
  [[nodiscard]] StoredOutput commit(core::AttemptId attempt);

  /// Where the index ends: behind the line of the attempt that was committed last.
  [[nodiscard]] std::uint64_t index_end() const { return index_.size(); }

  /// Drops what the attempt wrote, if anything.
  void discard(core::AttemptId attempt);

  /// Makes committed outputs readable, and safe from a crash of the process.
  void flush();

  /// As flush(), and safe from loss of power too.
  void sync();

  /// The first of its files that has been removed, replaced or cut; empty: none. With per-task files it is the index.
  [[nodiscard]] std::filesystem::path disturbed_file() const;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] OutputReader reader() const { return {directory_, layout_}; }

 private:
  struct Combined {
    explicit Combined(const std::filesystem::path& directory);
    AppendFile out;
    AppendFile err;
    [[nodiscard]] AppendFile& of(core::Stream stream) { return stream == core::Stream::out ? out : err; }
  };

  void recover(const OutputRecords& records);
  [[nodiscard]] Extent store(core::TaskId task, core::Stream stream, const OutputSpool::Contents& contents);

  std::filesystem::path directory_;
  OutputLayout layout_;
  OutputSpool spool_;
  AppendFile index_;
  std::unique_ptr<Combined> combined_;  ///< none with per-task files
  bool is_sync_expected_ = false;
  std::vector<core::TaskId> unsynced_;  ///< with per-task files: what sync() has to do
};

}  // namespace drover::journal
