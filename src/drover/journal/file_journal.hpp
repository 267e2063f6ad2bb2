// The journal as two plain files, joblog.tsv and events.jsonl: records for people and their tools.
#pragma once

#include "drover/journal/append_file.hpp"
#include "drover/journal/job_log.hpp"
#include "drover/journal/journal.hpp"
#include "drover/journal/run_directory.hpp"

namespace drover::journal {

/// Writes at most every 10 ms. What is safe survives a crash of the process; files are not synced, so
/// a crash of the machine loses what its kernel had not written. A turn may be torn at the end of a
/// file: opened again, the journal drops a torn last line and appends.
class FileJournal final : public Journal {
 public:
  /// Throws Error if a file cannot be opened or repaired.
  explicit FileJournal(const RunDirectory& run);

  void record(Turn turn) override;
  [[nodiscard]] std::vector<Turn> commit(core::Time now) override;
  void hurry() override { due_ = {}; }
  [[nodiscard]] std::vector<Turn> flush() override;
  [[nodiscard]] std::optional<core::Time> next_commit() const override;

 private:
  JobLog job_log_;
  AppendFile events_;
  std::vector<Turn> waiting_;
  core::Time due_{};
};

}  // namespace drover::journal
