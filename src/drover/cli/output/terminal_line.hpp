// The progress line at the bottom of a terminal, and how other output gets past it.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace drover::cli {

/// One line on a terminal that is redrawn in place. Any thread may call anything. On what is not a
/// terminal it does nothing at all. set() and clear() never wait: not for a thread that is writing,
/// and not for a terminal that takes nothing (Ctrl-S); then they draw later, or not.
class TerminalLine {
 public:
  /// `fd` (normally standard error) stays the caller's.
  explicit TerminalLine(int fd);

  [[nodiscard]] bool is_terminal() const { return fd_ >= 0; }

  /// Shows `text`, one line of UTF-8 without control characters, cut to the terminal's width.
  void set(std::string_view text);
  /// Removes the line.
  void clear() { set({}); }

  /// While it lives the line is not on the terminal and nobody else writes there. Afterwards the line
  /// is drawn again, unless what was written ended within a line: then it waits for the next guard
  /// that ends one, so that output is never altered.
  class Guard {
   public:
    explicit Guard(TerminalLine& line);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Says what was written to the terminal.
    void wrote(std::string_view bytes);

   private:
    TerminalLine& line_;
    std::unique_lock<std::mutex> writing_;
  };

 private:
  /// Brings the terminal up to date with `text_`; `writing_` is held.
  void redraw();

  int fd_ = -1;  ///< -1: no terminal
  std::mutex text_mutex_;
  std::string text_;
  std::mutex writing_;  ///< held by whoever writes to the terminal; guards what follows
  std::string drawn_;
  bool is_at_line_start_ = true;
};

}  // namespace drover::cli
