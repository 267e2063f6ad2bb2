// The journal as two plain files, joblog.tsv and events.jsonl: records for people and their tools.
#pragma once

#include "drover/journal/append_file.hpp"
#include "drover/journal/job_log.hpp"
#include "drover/journal/journal.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

/// Loss window: a crash of the process loses what was recorded since the last write, at most 10 ms
/// of work; nothing once flush() has returned. Files are not synced: a crash of the machine loses
/// what its kernel had not written. Opened again in a directory where a run was cut short, it drops
/// a torn last line and appends.
class FileJournal final : public Journal {
 public:
  /// Throws Error if a file cannot be opened or repaired.
  explicit FileJournal(const RunDirectory& run);

  void record(std::span<const core::Fact> facts, core::WallMicros now) override;
  void flush() override;

 private:
  JobLog job_log_;
  AppendFile events_;
  core::WallMicros written_at_ = 0;
};

}  // namespace drover::journal
