// What the functions of this process print, on its way to the master: through std::cout, std::cerr and std::clog,
// through C's stdout and stderr, and by whatever writes to descriptors 1 and 2, such as the children of a function.
//
// What comes by a stream is from the thread that prints, and so it is known of which attempt it is. What comes by a
// descriptor, or from a thread that a function has started, is of the attempt that executes if there is only one; or
// else nobody knows, and it is the worker's, line by line.
//
// It is held in memory up to a bound; then whoever prints waits until it has been taken, as a command waits that
// writes to a full pipe. Nothing is lost: what has not been taken in the end goes where it would have gone.
//
// One in a process. begin(), end() and set_waiting() are for the threads that execute functions, the rest is for the
// thread that constructed it, which never waits.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <thread>

#include "drover/core/stream.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/attempt_handler.hpp"
#include "drover/exec/last_line.hpp"
#include "drover/exec/whole_lines.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// What an attempt has printed, all in all.
struct Printed {
  std::array<std::uint64_t, 2> num_bytes{};  ///< by stream
  LastLine stderr_tail{};

  void take(core::Stream stream, std::span<const char> bytes);
  /// Puts it in the result. Why a function has failed is told rather than what it printed last.
  void tell(core::AttemptResult& result) const;
};

class OutputCapture {
 public:
  /// From now on. Throws drover::Error.
  OutputCapture();
  /// No thread prints any more that was left behind.
  ~OutputCapture();
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

  /// This thread executes the attempt until end().
  void begin(core::AttemptId attempt);
  /// All that it has printed is known to be its own, and the thread is nobody's. Waits for room if need be.
  [[nodiscard]] Printed end(core::AttemptId attempt);
  /// It executes nothing meanwhile.
  void set_waiting(core::AttemptId attempt, bool is_waiting);
  /// It has ended for everybody else, though its thread goes on: what that prints from now on is the worker's.
  Printed leave_behind(core::AttemptId attempt);

  /// Readable when there may be something to take.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// Hands over at most so many bytes, in the order in which they were printed.
  void take(std::size_t budget, AttemptHandler& handler);
  /// Whether something of an attempt has not been taken.
  [[nodiscard]] bool holds(core::AttemptId attempt);
  /// The same for all that is known to have been printed, at the end.
  void take_rest(AttemptHandler& handler);
  /// Whoever prints does not wait any more.
  void stop_waiting();
  /// The streams are as they were before. A thread that was left behind may still print.
  void stop();

  /// Where stderr was before.
  [[nodiscard]] int true_stderr() const { return true_fds_[1].get(); }

 private:
  class Buffer;
  struct Chunk {
    std::optional<core::AttemptId> attempt;  ///< none: the worker's
    core::Stream stream{};
    std::string bytes;
  };
  struct Running {
    bool is_waiting = false;
    Printed printed{};
  };

  static std::optional<core::AttemptId>& attempt_of_thread();
  static ssize_t write_cookie(void* cookie, const char* bytes, std::size_t num);
  void open_pipe(core::Stream stream);
  void replace_streams();
  void restore_streams();
  void print(core::Stream stream, std::string_view bytes);
  [[nodiscard]] std::optional<core::AttemptId> attempt_that_prints() const;
  [[nodiscard]] std::optional<core::AttemptId> only_running() const;
  [[nodiscard]] bool has_room() const { return num_held_ < kMostHeld || is_closing_; }
  bool drain_pipe(core::Stream stream);
  void drain_pipes();
  void drain_fully(std::unique_lock<std::mutex>& lock);
  void hold(std::optional<core::AttemptId> attempt, core::Stream stream, std::string_view bytes);
  void append(std::optional<core::AttemptId> attempt, core::Stream stream, std::string_view bytes);
  void end_lines();
  [[nodiscard]] std::deque<Chunk> take_chunks(std::size_t budget);
  static void hand_over(const std::deque<Chunk>& chunks, AttemptHandler& handler);

  static constexpr std::size_t kMostHeld = 256U << 10;

  std::thread::id owner_ = std::this_thread::get_id();
  std::array<support::UniqueFd, 2> true_fds_;   ///< where the streams went before
  std::array<support::UniqueFd, 2> pipe_ends_;  ///< of what is written to the descriptors
  support::UniqueFd event_;                     ///< something is held
  support::UniqueFd epoll_;
  bool is_stopped_ = false;
  std::array<std::unique_ptr<Buffer>, 2> buffers_;
  std::array<std::FILE*, 2> files_{};
  std::array<std::FILE*, 2> true_files_{};
  std::array<std::streambuf*, 3> true_buffers_{};  ///< of cout, cerr and clog

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable has_room_;
  std::map<core::AttemptId, Running> running_;
  std::deque<Chunk> held_;
  std::map<core::AttemptId, std::size_t> held_of_;  ///< bytes
  std::size_t num_held_ = 0;
  std::array<WholeLines, 2> words_;  ///< of the worker
  bool is_closing_ = false;
};

}  // namespace drover::exec
