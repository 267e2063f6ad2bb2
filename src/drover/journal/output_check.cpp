#include "drover/journal/output_check.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <system_error>
#include <utility>

#include "drover/journal/append_file.hpp"
#include "drover/journal/output_index.hpp"
#include "drover/journal/output_paths.hpp"
#include "drover/support/digest.hpp"

namespace drover::journal {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostRangesNamed = 12;

std::uint64_t size_of(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  return error ? 0 : size;
}

/// What has no bytes says that its output was given up; it may leave a gap before it.
bool is_given_up(const OutputEntry& entry) {
  return entry.output.is_empty();
}

/// Judges the entries of an index, which must be given in their order.
class EntryCheck {
 public:
  EntryCheck(const fs::path& directory, OutputLayout layout) : directory_(directory), layout_(layout) {
    for (const core::Stream stream : kStreams) sizes_.at(number(stream)) = size_of(combined_path(directory, stream));
  }

  /// What is wrong with it; empty: its bytes are there, and no other's.
  std::string fault(const OutputEntry& entry) {
    std::string fault;
    for (const core::Stream stream : kStreams)
      if (fault.empty()) fault = fault_of(entry, stream);
    is_in_step_ = fault.empty();
    if (!is_in_step_) return fault;
    for (const core::Stream stream : kStreams)
      ends_.at(number(stream)) = entry.output.of(stream).offset + entry.output.of(stream).length;
    return "";
  }

  /// There was a line that is no entry: nobody knows what it was to say.
  void pass_over() { is_in_step_ = false; }

  /// Whether outputs that nobody lists lie before this one.
  [[nodiscard]] bool is_behind_a_gap(const OutputEntry& entry) const {
    return layout_ == OutputLayout::combined && std::any_of(kStreams.begin(), kStreams.end(), [&](core::Stream stream) {
             return entry.output.of(stream).offset != ends_.at(number(stream));
           });
  }

 private:
  static constexpr std::array kStreams{core::Stream::out, core::Stream::err};
  static std::size_t number(core::Stream stream) { return static_cast<std::size_t>(stream); }

  [[nodiscard]] std::string fault_of(const OutputEntry& entry, core::Stream stream) const {
    const Extent& extent = entry.output.of(stream);
    if (layout_ == OutputLayout::per_task) {
      const fs::path path = task_path(directory_, entry.attempt.task, stream);
      const std::uint64_t length = extent.length == 0 ? 0 : size_of(path);
      return length == extent.length ? "" : length_fault(path, length, extent.length);
    }
    const bool may_skip = !is_in_step_ || is_given_up(entry);
    if (may_skip ? extent.offset < ends_.at(number(stream)) : extent.offset != ends_.at(number(stream)))
      return "index.tsv does not say of task " + std::to_string(entry.attempt.task.value) +
             " what follows from the line before";
    const std::uint64_t length = sizes_.at(number(stream));
    const bool is_there = extent.offset <= length && extent.length <= length - extent.offset;
    return is_there ? "" : length_fault(combined_path(directory_, stream), length, extent.offset + extent.length);
  }

  static std::string length_fault(const fs::path& path, std::uint64_t length, std::uint64_t expected) {
    return path.filename().string() + " has " + std::to_string(length) + " bytes, where " + std::to_string(expected) +
           " were stored";
  }

  const fs::path& directory_;
  OutputLayout layout_;
  std::array<std::uint64_t, 2> sizes_{};
  std::array<std::uint64_t, 2> ends_{};  ///< behind the last entry that was right
  bool is_in_step_ = true;               ///< the next one must begin there
};

/// The outputs that are on record and have not been found yet, as a word for each task.
class Expectations {
 public:
  explicit Expectations(const OutputRecords& records) {
    records.for_each([this](const RecordedOutput& output) {
      if (output.attempt.task.value >= words_.size()) words_.resize(output.attempt.task.value + 1);
      words_[output.attempt.task.value] = word(output);
      ++num_left_;
    });
  }

  void meet(const OutputEntry& entry) {
    const std::uint64_t expected = word_of(entry.attempt.task);
    if (expected == kNothing || !is_of(expected, entry.attempt) || are_denied_by(entry)) return;
    words_[entry.attempt.task.value] = kNothing;
    --num_left_;
  }

  /// Whether it is of an attempt that is expected, and says other lengths.
  [[nodiscard]] bool are_denied_by(const OutputEntry& entry) const {
    const std::uint64_t expected = word_of(entry.attempt.task);
    if (expected == kNothing || !is_of(expected, entry.attempt) || is_given_up(entry)) return false;
    const StoredOutput& output = entry.output;
    return expected != word({entry.attempt, output.out.length, output.err.length}) &&
           expected != word({entry.attempt, 0, 0, false});
  }

  [[nodiscard]] bool are_met() const { return num_left_ == 0; }
  [[nodiscard]] bool is_unmet(core::TaskId task) const { return word_of(task) != kNothing; }

 private:
  static constexpr std::uint64_t kNothing = 0;
  static constexpr unsigned kFlagBits = 2;
  static constexpr unsigned kAttemptBits = 20;

  /// From the lowest bit on: that there is one, whether its lengths count, its attempt, and a digest of the lengths.
  static std::uint64_t word(const RecordedOutput& output) {
    support::Digest digest;
    if (output.is_exact) {
      digest.add(output.stdout_bytes);
      digest.add(output.stderr_bytes);
    }
    const std::uint64_t flags = output.is_exact ? 0b11 : 0b01;
    return (((digest.value() << kAttemptBits) | attempt_bits(output.attempt)) << kFlagBits) | flags;
  }
  static std::uint64_t attempt_bits(core::AttemptId attempt) { return attempt.n & ((1U << kAttemptBits) - 1); }
  static bool is_of(std::uint64_t word, core::AttemptId attempt) {
    return ((word >> kFlagBits) & ((1U << kAttemptBits) - 1)) == attempt_bits(attempt);
  }
  [[nodiscard]] std::uint64_t word_of(core::TaskId task) const {
    return task.value < words_.size() ? words_[task.value] : kNothing;
  }

  std::vector<std::uint64_t> words_;
  std::uint64_t num_left_ = 0;
};

std::string range_text(const std::pair<std::uint64_t, std::uint64_t>& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.second ? first : first + "-" + std::to_string(range.second);
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_of(const LostOutputs& lost) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const core::AttemptId& attempt : lost.attempts) {
    if (!ranges.empty() && ranges.back().second + 1 == attempt.task.value)
      ++ranges.back().second;
    else
      ranges.emplace_back(attempt.task.value, attempt.task.value);
  }
  return ranges;
}

/// SQL for the lost ones.
std::string condition_of(const LostOutputs& lost) {
  std::string text;
  for (const auto& [first, last] : ranges_of(lost)) {
    text += text.empty() ? "" : " OR ";
    text += first == last ? "id = " + std::to_string(first)
                          : "id BETWEEN " + std::to_string(first) + " AND " + std::to_string(last);
  }
  return text;
}

}  // namespace

LostOutputs find_lost_outputs(const fs::path& directory, OutputLayout layout, const OutputRecords& records) {
  Expectations expected(records);
  if (expected.are_met()) return {};
  LostOutputs lost;
  const auto note = [&lost](const std::string& fault) {
    if (lost.reason.empty()) lost.reason = fault;
  };
  const fs::path index = index_path(directory);
  if (size_of(index) == 0) {
    note("its index.tsv is not there, or empty");
  } else {
    EntryCheck check(directory, layout);
    const auto meet = [&](const LocatedEntry& located) {
      if (expected.are_denied_by(located.entry)) {
        check.pass_over();
        return note("index.tsv says of task " + std::to_string(located.entry.attempt.task.value) +
                    " what its record does not");
      }
      const std::string fault = check.fault(located.entry);
      fault.empty() ? expected.meet(located.entry) : note(fault);
    };
    const auto pass_over = [&](std::uint64_t line) {
      check.pass_over();
      note("line " + std::to_string(line) + " of index.tsv makes no sense");
    };
    read_index(index, 0, meet, pass_over);
    note("index.tsv does not say where");
  }
  if (expected.are_met()) return {};
  records.for_each([&](const RecordedOutput& output) {
    if (expected.is_unmet(output.attempt.task)) lost.attempts.push_back(output.attempt);
  });
  std::sort(lost.attempts.begin(), lost.attempts.end());
  return lost;
}

std::string describe(const LostOutputs& lost) {
  const auto ranges = ranges_of(lost);
  std::string text = lost.attempts.size() == 1 ? "the output of task " : "the outputs of tasks ";
  for (std::size_t i = 0; i < std::min(ranges.size(), kMostRangesNamed); ++i)
    text += (i == 0 ? "" : ", ") + range_text(ranges[i]);
  if (ranges.size() > kMostRangesNamed) text += " and more (" + std::to_string(lost.attempts.size()) + " in all)";
  return text;
}

Error lost_outputs_error(const fs::path& directory, const LostOutputs& lost) {
  const bool is_short = ranges_of(lost).size() <= kMostRangesNamed;
  return Error(
      describe(lost) + (lost.attempts.size() == 1 ? " is" : " are") + " on record, and not in '" + directory.string() +
      "' any more (" + lost.reason + "): put back what is missing, or run them again with --rerun" +
      (is_short ? " '" + condition_of(lost) + "'" : "") + ", or go on without them with --without-lost-outputs");
}

void give_up_outputs(const fs::path& directory, OutputLayout layout, const LostOutputs& lost) {
  const fs::path index = index_path(directory);
  const auto nothing_at = [](std::uint64_t out, std::uint64_t err) { return StoredOutput{{out, 0}, {err, 0}}; };
  std::string lines(kOutputIndexHeader);
  if (size_of(index) > 0) {
    EntryCheck check(directory, layout);
    const auto keep = [&](const LocatedEntry& located) {
      const StoredOutput& output = located.entry.output;
      if (std::binary_search(lost.attempts.begin(), lost.attempts.end(), located.entry.attempt))
        return check.pass_over();
      const bool is_behind_a_gap = check.is_behind_a_gap(located.entry);
      if (!check.fault(located.entry).empty()) return;
      if (is_behind_a_gap)
        append_entry(lines, {lost.attempts.front(), nothing_at(output.out.offset, output.err.offset)});
      append_entry(lines, located.entry);
    };
    read_index(index, 0, keep, [&](std::uint64_t) { check.pass_over(); });
    (void)set_aside(index, "damaged");
  }
  const bool is_combined = layout == OutputLayout::combined;
  const StoredOutput nothing = nothing_at(is_combined ? size_of(combined_path(directory, core::Stream::out)) : 0,
                                          is_combined ? size_of(combined_path(directory, core::Stream::err)) : 0);
  for (const core::AttemptId& attempt : lost.attempts) append_entry(lines, {attempt, nothing});
  AppendFile file(index);
  file.append(lines);
  file.flush();
}

}  // namespace drover::journal
