// Prints the outputs of tasks without ever holding up who delivers them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "drover/cli/output/output_sink.hpp"
#include "drover/cli/output/presenter.hpp"
#include "drover/cli/output/terminal_line.hpp"
#include "drover/journal/output_reader.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::cli {

struct PrinterOptions {
  PresenterOptions form;
  /// Outputs are not printed; print() still is.
  bool quiet = false;
  /// Where to keep how far outputs have been printed; empty: nowhere.
  std::filesystem::path mark{};
  /// The descriptors to write to; they stay the caller's. If both are the same file or terminal, a
  /// task's stdout comes first and then its stderr.
  int out_fd = 1;
  int err_fd = 2;
};

/// Why nothing more is printed.
struct PrintFailure {
  /// Names the stream and the reason.
  std::string message;
  /// The reader of a pipe has gone (EPIPE): an end that was asked for rather than an error.
  bool is_reader_gone = false;
};

/// A queue and the thread that empties it: reads from the output store, writes to terminal, pipe or
/// file. All methods are for one thread, the master's, and return at once unless they say otherwise.
/// The queue takes whatever it is given: its bound is kept by the master, who heeds is_behind().
/// SIGPIPE and all other signals are blocked in the thread.
class Printer {
 public:
  enum class Held : std::uint8_t { print, leave };

  /// `line` outlives this. Throws Error if the mark cannot be written.
  Printer(const PrinterOptions& options, journal::OutputReader reader, TerminalLine& line);
  /// Abandons what is not printed yet.
  ~Printer();
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  /// A task has ended. With keep_order every task must be delivered, from the first on, in any order,
  /// those without output too (also those that others submitted or that ended before a resume).
  void deliver(Delivery delivery);

  /// Bytes from a running attempt; dropped unless line_buffer is set. All chunks of an attempt come
  /// before its delivery, and none from an attempt that has been superseded.
  void chunk(core::AttemptId attempt, std::string_view tag, core::Stream stream, std::span<const char> bytes);

  /// Lines that are of no task. With tags, each begins with `tag`.
  void words(std::string_view tag, core::Stream stream, std::span<const char> bytes);

  /// Prints `text` as it is on stdout, in its turn.
  void print(std::string_view text);

  /// More than 10,000 items or 8 MiB of chunks wait for whoever reads: dispatch nothing, and take no
  /// further output from workers, until it is false again.
  [[nodiscard]] bool is_behind() const;

  /// More than 500,000 ended tasks wait for one before them (keep_order): take no more tasks from the
  /// input. Those taken must still be dispatched, as the one that is waited for may be among them.
  [[nodiscard]] bool is_holding_back() const;

  /// Set once printing has failed; all that is delivered from then on is dropped.
  [[nodiscard]] std::optional<PrintFailure> failure() const;

  /// Nothing more will be delivered; what is held back for tasks that were not delivered is printed, or
  /// left to the session that goes on. Waits until all is printed, or printing has failed, but no longer
  /// than `timeout`; false if there is more to print: call it again, or abandon().
  [[nodiscard]] bool finish(std::chrono::milliseconds timeout, Held held = Held::print);

  /// Stops at once, in the middle of an output if need be.
  void abandon();

 private:
  using Item = std::variant<Delivery, Chunk, Words, std::string>;

  void note_written();
  void enqueue(Item item);
  void start_thread();
  void run();
  /// Waits for items and takes all of them; none once there will be none.
  [[nodiscard]] std::deque<Item> take();
  void present(Item& item);
  void flush();
  /// Does a step of printing, unless printing has stopped; stops it if the step fails.
  void guarded(const std::function<void()>& step);
  void stop_printing(std::optional<PrintFailure> failure);

  PrinterOptions options_;
  support::UniqueFd stop_fd_;  ///< an eventfd, readable once abandoned
  OutputSink out_;
  std::optional<OutputSink> separate_err_;  ///< none if stderr is where stdout is
  std::optional<PrintedMark> mark_;
  Presenter presenter_;
  bool is_printing_ = true;  ///< as the sinks and the presenter, the thread's alone

  std::atomic<std::uint64_t> num_queued_ = 0;
  std::atomic<std::uint64_t> num_queued_bytes_ = 0;
  std::atomic<std::uint64_t> num_held_ = 0;

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::deque<Item> queue_;
  std::optional<PrintFailure> failure_;
  bool is_closed_ = false;
  Held held_at_end_ = Held::print;
  bool is_done_ = false;

  std::thread thread_;
};

}  // namespace drover::cli
