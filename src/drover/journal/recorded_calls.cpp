#include "drover/journal/recorded_calls.hpp"

#include <algorithm>

#include "drover/journal/row_codec.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/support/digest.hpp"

namespace drover::journal {

namespace {

using core::TaskId;

constexpr const char* kCalls = "SELECT id, payload, tag, maker FROM task_rows WHERE kind = 1";

constexpr const char* kCall = R"sql(
SELECT t.payload, t.tag, t.maker, coalesce(t.task_end, a.task_end), a.n, a.outcome, a.code, a.reason, a.value
FROM task_rows AS t
  LEFT JOIN attempt_rows AS a ON a.task = t.id AND a.n > coalesce(t.counts_from, 0) AND a.task_end IS NOT NULL
WHERE t.id = ?)sql";

/// Valid until the statement goes on.
std::string_view bytes(const SQLite::Column& column) {
  const void* data = column.getBlob();
  return data == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(column.getBytes()));
}

std::uint64_t digest_of(std::string_view payload, std::string_view tag, std::uint64_t maker) {
  support::Digest digest;
  digest.add(payload);
  digest.add(tag);
  digest.add(maker);
  return digest.value();
}

std::uint64_t count(const SQLite::Column& column) {
  return static_cast<std::uint64_t>(column.getInt64());
}

}  // namespace

RecordedCalls::RecordedCalls(const RunDirectory& run) try
    : path_(run.database()), database_(open_for_reading(path_)), select_(database_, kCall) {
  SQLite::Statement calls(database_, kCalls);
  while (calls.executeStep()) {
    const std::uint64_t digest =
        digest_of(bytes(calls.getColumn(1)), bytes(calls.getColumn(2)), count(calls.getColumn(3)));
    entries_.push_back({digest, TaskId(count(calls.getColumn(0)))});
  }
  std::sort(entries_.begin(), entries_.end());
  num_passed_.resize(entries_.size());
} catch (const SQLite::Exception& e) {
  throw database_error(e, "read", run.database());
}

std::optional<RecordedCall> RecordedCalls::take(const core::TaskSpec& spec) {
  const std::uint64_t digest = digest_of(spec.payload, spec.tag, spec.maker.value);
  const auto first = std::lower_bound(entries_.begin(), entries_.end(), Entry{digest, TaskId(0)});
  if (first == entries_.end() || first->digest != digest) return std::nullopt;
  std::uint32_t& num_passed = num_passed_[static_cast<std::size_t>(first - entries_.begin())];
  for (auto entry = first + num_passed; entry != entries_.end() && entry->digest == digest; ++entry, ++num_passed) {
    std::optional<RecordedCall> call = read(entry->task, spec);
    if (!call) return std::nullopt;
    if (call->how == core::TaskEnd::cancelled) continue;
    ++num_passed;
    return call;
  }
  return std::nullopt;
}

/// None: it has the same digest, and is another.
std::optional<RecordedCall> RecordedCalls::read(TaskId task, const core::TaskSpec& spec) {
  try {
    select_.reset();
    select_.bind(1, static_cast<std::int64_t>(task.value));
    const bool is_it = select_.executeStep() && bytes(select_.getColumn(0)) == spec.payload &&
                       bytes(select_.getColumn(1)) == spec.tag && count(select_.getColumn(2)) == spec.maker.value;
    std::optional<RecordedCall> call;
    if (is_it) {
      call.emplace(RecordedCall{task, {}, 0, core::Killed{}, ""});
      if (!select_.getColumn(3).isNull()) call->how = static_cast<core::TaskEnd>(select_.getColumn(3).getInt());
      if (!select_.getColumn(4).isNull()) {
        call->num_attempts = select_.getColumn(4).getUInt();
        call->outcome = decode_outcome(
            {select_.getColumn(5).getInt(), select_.getColumn(6).getInt(), std::string(bytes(select_.getColumn(7)))});
        call->value = bytes(select_.getColumn(8));
      }
    }
    select_.reset();
    return call;
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "read", path_);
  }
}

}  // namespace drover::journal
