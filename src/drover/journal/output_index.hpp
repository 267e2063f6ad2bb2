// index.tsv of an output directory: where the output of each task lies, a line for each task that
// wrote anything: task, attempt, offset and length of stdout, of stderr.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "drover/core/ids.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::journal {

inline constexpr std::string_view kOutputIndexHeader =
    "task\tattempt\tstdout_offset\tstdout_length\tstderr_offset\tstderr_length\n";

struct OutputEntry {
  core::AttemptId attempt;
  StoredOutput output;
};

void append_entry(std::string& lines, const OutputEntry& entry);

/// An entry and where its line lies in the file.
struct LocatedEntry {
  OutputEntry entry;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Reads an index from its beginning, or from where a line begins; a torn last line is left out. A task
/// that was taken up again may have several entries, of which the last counts. Lines that are no entries are passed
/// over; `on_nonsense` hears their number, counted from where the reading begins. Throws Error if it cannot be read.
void read_index(
    const std::filesystem::path& path, std::uint64_t begin, const std::function<void(const LocatedEntry&)>& visit,
    const std::function<void(std::uint64_t)>& on_nonsense = [](std::uint64_t) {});

/// The last entry that `accept` accepts, reading from the end; those behind it are told to `reject`.
/// None if there is no such entry. Throws Error if the file cannot be read or is no index.
[[nodiscard]] std::optional<LocatedEntry> find_last_entry(const std::filesystem::path& path,
                                                          const std::function<bool(const OutputEntry&)>& accept,
                                                          const std::function<void(const OutputEntry&)>& reject);

}  // namespace drover::journal
