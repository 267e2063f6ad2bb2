// Where printed output goes: a terminal, a pipe, a file, and none of them to be trusted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "drover/cli/output/terminal_line.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::cli {

/// Buffers and writes to a descriptor that may block, be non-blocking, or fail. It waits as long as
/// the other side takes nothing, until told to stop. Like a stream it then stays closed: whatever is
/// appended to a sink that failed or was stopped is dropped. Used by one thread.
class OutputSink {
 public:
  /// `fd` stays the caller's. Everything waits for `stop_fd` too: readable means stop. `line` is out
  /// of the way while a terminal is written to.
  OutputSink(int fd, int stop_fd, TerminalLine& line);

  void append(std::string_view bytes);
  void flush();

  /// Of what is appended next, so many bytes are taken as written: they were, by another process.
  void skip(std::uint64_t num_bytes) { num_to_skip_ = num_bytes; }

  /// Bytes since the beginning.
  [[nodiscard]] std::uint64_t num_appended() const { return num_written_ + buffer_.size(); }
  [[nodiscard]] std::uint64_t num_written() const { return num_written_; }
  /// Called whenever some have been written.
  void on_written(std::function<void()> callback) { on_written_ = std::move(callback); }

  /// False once a write has failed or was stopped.
  [[nodiscard]] bool is_open() const { return is_open_; }
  /// The errno with which a write failed.
  [[nodiscard]] std::optional<int> error() const { return error_; }

 private:
  /// False if the sink is to be stopped.
  [[nodiscard]] bool wait_writable();
  [[nodiscard]] ssize_t write_some(std::string_view bytes) const;

  int fd_;
  int stop_fd_;
  TerminalLine& line_;
  support::UniqueFd reopened_;
  bool is_socket_ = false;
  bool is_terminal_ = false;
  std::size_t max_write_;
  std::string buffer_;
  std::uint64_t num_to_skip_ = 0;
  std::uint64_t num_written_ = 0;
  std::function<void()> on_written_;
  bool is_open_ = true;
  std::optional<int> error_;
};

}  // namespace drover::cli
