#include "drover/journal/file_journal.hpp"

#include "drover/journal/event_json.hpp"

namespace drover::journal {

namespace {

constexpr core::WallMicros kMaxUnwritten = 10'000;
constexpr std::size_t kMaxBuffer = 64 * 1024;

}  // namespace

FileJournal::FileJournal(const RunDirectory& run) : job_log_(run.job_log()), events_(run.events()) {
  events_.drop_torn_line();
  flush();
}

void FileJournal::record(std::span<const core::Fact> facts, core::WallMicros now) {
  for (const core::Fact& fact : facts) {
    append_event(events_.buffer(), fact, now);
    job_log_.apply(fact, now);
    if (events_.buffer().size() >= kMaxBuffer) flush();
  }
  // The clock of the day may be set back: then write, rather than wait until it has caught up.
  if (now < written_at_ || now - written_at_ >= kMaxUnwritten) {
    flush();
    written_at_ = now;
  }
}

void FileJournal::flush() {
  events_.flush();
  job_log_.file().flush();
}

}  // namespace drover::journal
