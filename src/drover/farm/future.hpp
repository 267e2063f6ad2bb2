// A task that was submitted, as its submitter holds it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "drover/farm/errors.hpp"
#include "drover/farm/serialize.hpp"
#include "drover/runtime/call_board.hpp"

namespace drover {

namespace detail {

/// Waits, and gives what the function returned, serialized. Throws what errors.hpp has.
[[nodiscard]] const std::string& result_bytes(runtime::CallBoard& board, const runtime::CallPtr& call);

/// Of a future that has none.
[[noreturn]] void throw_no_task();

/// As CallBoard's; a task that waits within another gives its slot to others meanwhile.
void wait_for_end(runtime::CallBoard& board, const runtime::CallPtr& call);
[[nodiscard]] std::size_t wait_any(runtime::CallBoard& board, std::span<const runtime::CallPtr> calls);
[[nodiscard]] std::size_t wait_next(runtime::CallBoard& board, runtime::EndQueue& queue);

}  // namespace detail

/// How far a task has come, as its function said last: a fraction from 0 to 1, and perhaps words.
using Progress = runtime::CallProgress;

/// Of any type of result. Copies are the same task. Thread-safe as a shared_ptr is. One that was made by default, or
/// moved from, has no task: whatever it is asked but is_valid() throws UsageError.
class AnyFuture {
 public:
  /// Of no task.
  AnyFuture() = default;
  /// For those who submit.
  AnyFuture(std::shared_ptr<runtime::CallBoard> board, runtime::CallPtr call)
      : board_(std::move(board)), call_(std::move(call)) {}

  /// Whether it has a task.
  [[nodiscard]] bool is_valid() const { return call_ != nullptr; }
  /// Whether the task has ended, one way or another: get() does not wait.
  [[nodiscard]] bool is_ready() const { return board().has_ended(call_); }
  /// What the task has said by TaskContext::progress() so far.
  [[nodiscard]] Progress progress() const { return board().progress(call_); }
  /// Waits for its end.
  void wait() const { detail::wait_for_end(board(), call_); }
  /// Waits for its end for so long; whether it came.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds limit) const { return board().wait_for(call_, limit); }
  /// It is not wanted any more. It ends as cancelled, unless it ends before.
  void cancel() const { board().cancel(call_); }

  /// What the board knows the task by.
  [[nodiscard]] const runtime::CallPtr& call() const {
    check_valid();
    return call_;
  }

 protected:
  /// Where the task was submitted.
  [[nodiscard]] runtime::CallBoard& board() const {
    check_valid();
    return *board_;
  }

 private:
  void check_valid() const {
    if (call_ == nullptr) detail::throw_no_task();
  }

  std::shared_ptr<runtime::CallBoard> board_;
  runtime::CallPtr call_;
};

/// Of a task that gives an R. Copies are the same task. Thread-safe as a shared_ptr is.
template <class R>
class Future : public AnyFuture {
 public:
  using AnyFuture::AnyFuture;  ///< the same

  /// Waits for the task's end and gives its result, each time anew. Throws TaskFailed, TaskTimedOut,
  /// TaskCancelled or RunStopped.
  R get() const {
    const std::string& bytes = detail::result_bytes(board(), call());
    if constexpr (!std::is_void_v<R>) return detail::result_from<R>(bytes);
  }

  /// Has `action` called with this future once the task has ended, on a thread where such actions are
  /// executed one after the other. It may submit; it should not wait. What it throws is thrown by the next function
  /// that waits for a task of the same submitter; at the latest at the end of the session, or the task, that this is.
  template <class F>
  void then(F action) const {
    static_assert(std::is_invocable_v<F&, Future<R>&>, "then() takes a function that can be called with the future");
    // Shared, so that it need not be copyable.
    if constexpr (std::is_invocable_v<F&, Future<R>&>)
      board().then(call(),
                   [self = *this, shared = std::make_shared<F>(std::move(action))]() mutable { (*shared)(self); });
  }
};

}  // namespace drover
