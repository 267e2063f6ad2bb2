// Lines, or records that end with NUL, from a descriptor that may be slow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/support/unique_fd.hpp"

namespace drover::cli {

/// Never blocks in try_next(). Memory: one buffer, and the longest record, which is bounded. One thread.
class RecordReader {
 public:
  enum class State { record, would_block, end };

  /// Reads from a descriptor that stays the caller's; `name` is for messages.
  RecordReader(int fd, std::string name, char delimiter);
  /// Opens a file. Throws UsageError when it cannot be read or is a directory.
  RecordReader(const std::string& path, char delimiter);

  /// The next record without its delimiter; the last one need not have one. Throws Error naming the
  /// source and the line: reading failed, a record is longer than 16 MiB, a line contains NUL.
  [[nodiscard]] State try_next(std::string& record);

  /// As try_next(), but waits.
  [[nodiscard]] bool next(std::string& record);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The number of the record that was given out last, from 1.
  [[nodiscard]] std::uint64_t line() const { return line_; }

 private:
  [[nodiscard]] bool take_buffered(std::string& record);
  /// Reads once; would_block if that would wait, end at the end.
  [[nodiscard]] State fill();
  void check(std::string_view record) const;

  support::UniqueFd owned_;
  int fd_;
  std::string name_;
  char delimiter_;
  bool may_block_ = true;
  bool is_at_end_ = false;
  std::uint64_t line_ = 0;
  std::string buffer_;
  std::size_t begin_ = 0;    ///< of what has not been given out
  std::size_t scanned_ = 0;  ///< no delimiter before this
};

}  // namespace drover::cli
