// What a task sees of itself and of the worker that executes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

#include "drover/exec/function_table.hpp"
#include "drover/farm/broadcast.hpp"
#include "drover/farm/submitter.hpp"

namespace drover {

/// Whatever workers keep between tasks, made by on_worker_start().
struct WorkerState {
  std::shared_ptr<void> value;          ///< null: nothing
  std::type_index type = typeid(void);  ///< of the value
};

/// Valid while the task executes, for its thread. It can submit tasks, whose results come to this rank:
/// futures are for the tasks of this process.
class TaskContext : public Submitter {
 public:
  /// For the farm.
  TaskContext(std::shared_ptr<runtime::CallBoard> board, const exec::FunctionCall& call, const WorkerState& state);
  /// What it said last and the tasks that it made go before its end.
  ~TaskContext();
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  /// For the farm: its function has returned. Throws what an action that was given to then() has thrown.
  void end_waiting() { board().end_waiting(tally()); }

  /// The number of the task in its run, from 1.
  [[nodiscard]] std::uint64_t task() const { return call_.attempt.task.value; }
  /// Which attempt at it this is, from 1.
  [[nodiscard]] std::uint32_t attempt() const { return call_.attempt.n; }
  /// Who gets its result: "session", "worker 3" or "client 2".
  [[nodiscard]] std::string owner() const;
  /// The worker that executes it, from 1, for ever its own number.
  [[nodiscard]] std::uint32_t worker() const { return call_.worker.worker.value; }
  /// The machine that it executes on.
  [[nodiscard]] const std::string& host() const { return call_.worker.node; }
  /// Which of the worker's slots, from 1.
  [[nodiscard]] std::uint32_t slot() const { return call_.placement.slot; }
  /// Nobody wants the result any more, or the time limit has passed: end soon, however.
  [[nodiscard]] bool is_cancelled() const { return call_.is_cancelled; }

  /// Says how far the task has come, from 0 to 1, and if need be in words: for Future::progress() of who submitted it,
  /// `drover explain` and `drover events`. More than ten times a second is not told, but the last word is.
  void progress(double fraction, std::string text = "");

  /// The value that was broadcast, for as long as the task executes. Loaded once in a process, and shared by all
  /// tasks there. Waits until it is here. Throws UsageError when the session has let it go.
  template <class T>
  [[nodiscard]] const T& get(const Broadcast<T>& broadcast) {
    const auto load = [](std::string_view bytes) {
      auto value = std::make_shared<T>();
      detail::from_bytes(bytes, *value);
      return std::shared_ptr<const void>(std::move(value));
    };
    const auto& value = values_.emplace_back(board().shelf().take(broadcast.id(), typeid(T), load));
    return *static_cast<const T*>(value.get());
  }

  /// What on_worker_start() made. Shared by the slots of a worker. Throws Error when it made something
  /// else, or nothing.
  template <class State>
  [[nodiscard]] State& worker_state() const {
    if (state_.type != typeid(State)) throw_other_state(typeid(State));
    return *static_cast<State*>(state_.value.get());
  }

 private:
  void tell();
  [[noreturn]] static void throw_other_state(const std::type_info& asked);

  const exec::FunctionCall& call_;
  const WorkerState& state_;
  std::chrono::steady_clock::time_point told_{};     ///< when progress() was last heard
  std::optional<Progress> untold_;                   ///< what it has said since
  std::vector<std::shared_ptr<const void>> values_;  ///< those that were broadcast, and that it uses
};

}  // namespace drover
