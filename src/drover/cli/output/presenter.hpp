// What of the tasks' output is printed, in which order and form. Decides and formats; knows no
// threads.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "drover/cli/output/output_sink.hpp"
#include "drover/cli/output/printed_mark.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"
#include "drover/journal/output_reader.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::cli {

struct PresenterOptions {
  /// Lines are printed as they arrive, not a task's output as a whole.
  bool line_buffer = false;
  /// Outputs come in the order of tasks.
  bool keep_order = false;
  /// Each line begins with the task's tag and a tab.
  bool tag = false;
  /// Where keep_order begins.
  core::TaskId first_task{1};
  /// Where the line of the last output ends in the index that was printed by others.
  std::uint64_t index_end = 0;
};

/// A task has ended.
struct Delivery {
  /// The attempt whose output is the task's; `n` is 0 when there is none.
  core::AttemptId attempt;
  std::string tag;
  journal::StoredOutput output;
  /// Where its line in the index of outputs ends; 0 if it has none.
  std::uint64_t index_end = 0;
  /// Of this and what follows, so many bytes are known to have been printed.
  StreamBytes num_printed{};
};

/// Bytes from a running attempt.
struct Chunk {
  core::AttemptId attempt;
  std::string tag;
  core::Stream stream{};
  std::string bytes;
};

/// Lines of no task.
struct Words {
  std::string tag;
  core::Stream stream{};
  std::string bytes;
};

/// Formats as GNU parallel does: with tags, a last line without newline stays without one; with
/// line buffering, lines of different tasks alternate but never mix. A line longer than 64 KiB is
/// passed on in pieces, and only those may mix; so does any partial line while all of them together
/// hold more than 16 MiB.
///
/// Line buffering shows attempts that fail or are lost later, too, up to their last whole line. With
/// keep_order as well, only a task that is next in order when its first bytes arrive is shown live;
/// others are printed as a whole when it is their turn.
class Presenter {
 public:
  /// `out` and `err` may be the same sink, and live longer than this; so does `mark`, which may be null.
  Presenter(const PresenterOptions& options, journal::OutputReader reader, OutputSink& out, OutputSink& err,
            PrintedMark* mark = nullptr);

  /// With keep_order every task is to be delivered once, from the first on, also those without output.
  /// Throws Error if the stored output cannot be read.
  void deliver(Delivery delivery);
  /// For line_buffer; all chunks of an attempt come before its delivery.
  void show(const Chunk& chunk);
  /// At once: they have no place in any order.
  void show(const Words& words);
  /// Prints what is held back for tasks that will not be delivered any more. Throws as deliver().
  void finish();

  /// Deliveries held back for tasks before them.
  [[nodiscard]] std::size_t num_held() const { return held_.size(); }

 private:
  struct LiveStream {
    std::string partial_line;
    bool is_at_line_start = true;
  };
  struct LiveAttempt {
    std::uint32_t n = 0;
    bool is_shown = false;
    std::array<LiveStream, 2> streams;
  };

  [[nodiscard]] OutputSink& sink(core::Stream stream) { return stream == core::Stream::out ? out_ : err_; }
  void print_next(const Delivery& delivery);
  void print(const Delivery& delivery);
  /// What was delivered has been appended to the sinks, so far as it is not held back.
  void note_place();
  void print_stored(const Delivery& delivery, core::Stream stream);
  void append_lines(OutputSink& to, std::string_view tag, std::string_view bytes, bool& is_at_line_start);
  void print_partial(OutputSink& to, std::string_view tag, LiveStream& stream);
  void begin(LiveAttempt& live, core::AttemptId attempt);
  /// Ends what was shown of an attempt that did not become the task's output.
  void abort(LiveAttempt& live);
  /// Whether the output has been shown live; then it now is, to its last byte.
  [[nodiscard]] bool finish_live(const Delivery& delivery);

  PresenterOptions options_;
  journal::OutputReader reader_;
  OutputSink& out_;
  OutputSink& err_;
  PrintedMark* mark_;
  core::TaskId next_;
  std::uint64_t index_end_;    ///< all up to here has been printed, but for what is held back
  std::uint64_t printed_end_;  ///< all up to here has been printed
  std::map<core::TaskId, Delivery> held_;
  std::map<core::TaskId, LiveAttempt> live_;
  std::size_t num_partial_bytes_ = 0;
};

}  // namespace drover::cli
