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
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/journal/output_reader.hpp"
#include "drover/journal/output_spool.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::journal {

/// Used by the master's thread only; an OutputReader may read at the same time. Memory is bounded
/// (see OutputSpool), and so is the number of descriptors. Any method throws Error when the disk is
/// full or fails: the run must then stop, and the attempt that was being written must not be recorded.
class OutputStore {
 public:
  /// Whether the journal has a terminal record of which this attempt is the output.
  using IsRecorded = std::function<bool(core::AttemptId)>;

  /// Opens or creates. Of a store that is there, what lies behind the last line of the index that is
  /// whole, has its bytes and `is_recorded` is removed.
  OutputStore(
      std::filesystem::path directory, OutputLayout layout,
      const IsRecorded& is_recorded = [](core::AttemptId) { return true; });

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

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] OutputReader reader() const { return {directory_, layout_}; }

 private:
  struct Combined {
    explicit Combined(const std::filesystem::path& directory);
    AppendFile out;
    AppendFile err;
    [[nodiscard]] AppendFile& of(core::Stream stream) { return stream == core::Stream::out ? out : err; }
  };

  void recover(const IsRecorded& is_recorded);
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
