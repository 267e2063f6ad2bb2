// Lines, or records that end with NUL, from a descriptor that may be slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "drover/cli/input/stdin_spool.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::cli {

/// Splits what it reads into records; their bytes are not interpreted, but for a byte order mark of UTF-8 in front
/// of lines, which is passed over. Does not block, unless told to
/// wait. A descriptor that may be a terminal or a pipe is asked with poll(2) before each read(2), and
/// its flags are left alone: O_NONBLOCK would hit every process that shares it. (If another of them
/// reads what poll promised, a read may block.) Memory: the longest record, which is bounded, and one
/// read's worth. Not thread-safe.
class RecordReader {
 public:
  enum class State { record, would_block, end };

  /// The longest record there may be.
  static constexpr std::size_t kMostBytes = 16U << 20;

  /// Reads from a descriptor that stays the caller's; `name` is for messages. Through `spool`, if it is open
  /// by the time of the first read: from what that has, and then from what it takes from the descriptor (-1:
  /// nothing more comes; what it has of an unfinished record is left out). Throws UsageError when it is a
  /// directory.
  RecordReader(int fd, std::string name, char delimiter, std::shared_ptr<StdinSpool> spool = nullptr);
  /// Opens a file. Throws UsageError when it cannot be read or is a directory.
  RecordReader(const std::string& path, char delimiter);

  /// The next record without its delimiter; the last one need not have one. `record` is only touched
  /// when there is one. Throws Error naming the source and the line: reading failed, a record is longer
  /// than kMostBytes, a line contains NUL.
  [[nodiscard]] State try_next(std::string& record);

  /// As try_next(), but waits; false at the end.
  [[nodiscard]] bool next(std::string& record);

  /// Readable when try_next() can make progress after would_block; -1 when that never happens.
  [[nodiscard]] int wait_fd() const { return may_block_ ? fd_ : -1; }

  /// "'jobs.txt' line 7", the record that was given out last: for messages.
  [[nodiscard]] std::string position() const { return describe(num_records_); }

 private:
  /// Reads once, if that needs no waiting; false if it does.
  [[nodiscard]] bool fill();
  [[nodiscard]] bool fill_from_spool();
  /// For one read, behind what has not been given out. Returns where.
  [[nodiscard]] std::size_t make_room();
  [[nodiscard]] bool take_buffered(std::string& record);
  void pass_over_mark();
  /// Throws what try_next() promises for a record, or the part of it that is there, at `begin_`.
  void check(std::size_t length) const;
  [[nodiscard]] std::string describe(std::uint64_t record_number) const;

  support::UniqueFd owned_;
  int fd_;
  std::string name_;
  char delimiter_;
  bool may_block_;
  std::shared_ptr<StdinSpool> spool_;
  std::uint64_t num_spooled_bytes_ = 0;  ///< read from there
  bool is_at_end_ = false;
  std::uint64_t num_records_ = 0;  ///< given out
  std::string buffer_;
  std::size_t begin_ = 0;    ///< of what has not been given out
  std::size_t scanned_ = 0;  ///< no delimiter between begin_ and here
};

}  // namespace drover::cli
