// How far the outputs of a run have been printed, kept in a file for the master that goes on with the
// run: what is recorded but was not printed is printed then, and nothing twice.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "drover/core/ids.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::cli {

/// Bytes on stdout, and on stderr; all on stdout if both go to the same place.
using StreamBytes = std::array<std::uint64_t, 2>;

/// Which regular file a stream goes to, and where that ended; all zero of what is none.
struct StreamEnd {
  std::uint64_t device = 0;
  std::uint64_t file = 0;
  std::uint64_t length = 0;

  [[nodiscard]] bool is_file() const { return file != 0; }
  friend bool operator==(const StreamEnd&, const StreamEnd&) = default;
};
using StreamEnds = std::array<StreamEnd, 2>;

/// Of a descriptor that would write behind all that the file has.
[[nodiscard]] StreamEnd stream_end(int fd);

/// A place in what a run prints.
struct PrintedPlace {
  /// Outputs that are listed in the index up to here have been printed,
  std::uint64_t index_end = 0;
  /// and so have those of tasks before this one (it moves with keep_order only),
  core::TaskId next_task{1};
  /// and so much of what follows.
  StreamBytes num_bytes{};
  /// Where those are, by which half an output is known again: the disk was full, somebody made room.
  StreamEnds ends{};

  friend bool operator==(const PrintedPlace&, const PrintedPlace&) = default;
};

/// Nullopt if there is no such file, or it names no place. Throws Error if it cannot be read.
[[nodiscard]] std::optional<PrintedPlace> read_printed(const std::filesystem::path& path);

/// Says in that file that outputs are not printed: those that are stored before somebody wants it are taken for
/// printed. Throws Error.
void note_nothing_is_printed(const std::filesystem::path& path);

/// Whether the file says one or the other. It does not if somebody has deleted or changed it.
[[nodiscard]] bool is_printed_mark(const std::filesystem::path& path);

/// How much of what follows `place` another session finds where its own streams go on, which have these ends now.
[[nodiscard]] StreamBytes bytes_still_there(const PrintedPlace& place, const StreamEnds& ends);

/// Keeps the file true while sinks buffer and write. A kill between a write and the note of it has
/// those bytes printed twice: no more than a write takes. Used by one thread.
class PrintedMark {
 public:
  /// Writes `start` to the file. Throws Error if it cannot, as do the others.
  PrintedMark(std::filesystem::path path, const PrintedPlace& start);

  /// Whatever comes before `place` has been appended, which makes so many bytes in all.
  void reached(const PrintedPlace& place, const StreamBytes& num_appended);
  /// So many bytes in all have been written. `is_partial_known` is false if what comes next would not
  /// be printed in the same way again.
  void wrote(const StreamBytes& num_written, bool is_partial_known, const StreamEnds& ends = {});

 private:
  struct Stop {
    PrintedPlace place;
    StreamBytes end{};  ///< bytes in all, up to the place
  };

  void write(const PrintedPlace& place);

  std::filesystem::path path_;
  support::UniqueFd fd_;
  Stop passed_;             ///< the last whole output that has been written
  std::deque<Stop> ahead_;  ///< those that have only been appended
  PrintedPlace in_file_;
};

}  // namespace drover::cli
