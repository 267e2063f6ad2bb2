// Whether the records of a run still are where the run is, while it goes on.
#pragma once

#include <functional>

#include "drover/journal/output_store.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "drover/runtime/observer.hpp"

namespace drover::cli {

/// Whoever deletes or replaces a file leaves drover writing to one that has no name any more. What would be recorded
/// there is lost, so the run ends; joblog.tsv and events.jsonl can be made again, so it goes on.
class PlaceWatch final : public runtime::Observer {
 public:
  using Say = std::function<void(const std::string&)>;

  /// All outlive this.
  PlaceWatch(journal::SqliteJournal& journal, const journal::OutputStore& store, Say say)
      : journal_(journal), store_(store), say_(std::move(say)) {}

  void on_facts(std::span<const core::Fact>, core::WallMicros) override {}
  /// Looks once a second. Throws Error if the run cannot go on.
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

  /// At the end, when all is recorded: looks once more, and makes again what can be. Throws Error if anything is not
  /// there then.
  void finish();

 private:
  void look();

  journal::SqliteJournal& journal_;
  const journal::OutputStore& store_;
  Say say_;
  core::Time next_look_{};
  bool is_view_disturbed_ = false;
};

}  // namespace drover::cli
