#include "drover/journal/file_journal.hpp"

#include <chrono>
#include <utility>

#include "drover/journal/event_json.hpp"

namespace drover::journal {

namespace {

constexpr core::Duration kInterval = std::chrono::milliseconds(10);

}  // namespace

FileJournal::FileJournal(const RunDirectory& run) : job_log_(run.job_log()), events_(run.events()) {
  events_.drop_torn_line();
  events_.flush();
  job_log_.file().flush();
}

void FileJournal::record(Turn turn) {
  for (const core::Fact& fact : turn.facts) {
    append_event(events_.buffer(), fact, turn.at);
    job_log_.apply(fact, turn.at);
  }
  waiting_.push_back(std::move(turn));
}

std::vector<Turn> FileJournal::commit(core::Time now) {
  if (waiting_.empty() || now < due_) return {};
  due_ = now + kInterval;
  return flush();
}

std::vector<Turn> FileJournal::flush() {
  events_.flush();
  job_log_.file().flush();
  return std::exchange(waiting_, {});
}

std::optional<core::Time> FileJournal::next_commit() const {
  if (waiting_.empty()) return std::nullopt;
  return due_;
}

}  // namespace drover::journal
