// What a task sees of itself and of the worker that executes it.
#pragma once

#include <memory>
#include <string>
#include <typeindex>

#include "drover/exec/function_table.hpp"
#include "drover/farm/submitter.hpp"

namespace drover {

/// Whatever workers keep between tasks, made by on_worker_start().
struct WorkerState {
  std::shared_ptr<void> value;
  std::type_index type = typeid(void);
};

/// Valid while the task executes, for its thread. It can submit tasks, whose results come to this rank:
/// futures are for the tasks of this process.
class TaskContext : public Submitter {
 public:
  TaskContext(std::shared_ptr<runtime::CallBoard> board, const exec::FunctionCall& call, const WorkerState& state);

  /// The number of the task in its run, from 1.
  [[nodiscard]] std::uint64_t task() const { return call_.attempt.task.value; }
  /// Which attempt at it this is, from 1.
  [[nodiscard]] std::uint32_t attempt() const { return call_.attempt.n; }
  /// Who gets its result: "session", "worker 3" or "client 2".
  [[nodiscard]] std::string owner() const;
  /// The worker that executes it, from 1, for ever its own number.
  [[nodiscard]] std::uint32_t worker() const { return call_.worker.worker.value; }
  [[nodiscard]] const std::string& host() const { return call_.worker.node; }
  /// Which of the worker's slots, from 1.
  [[nodiscard]] std::uint32_t slot() const { return call_.placement.slot; }
  /// Nobody wants the result any more, or the time limit has passed: end soon, however.
  [[nodiscard]] bool is_cancelled() const { return call_.is_cancelled; }

  /// What on_worker_start() made. Shared by the slots of a worker. Throws Error when it made something
  /// else, or nothing.
  template <class State>
  [[nodiscard]] State& worker_state() const {
    if (state_.type != typeid(State)) throw_other_state(typeid(State));
    return *static_cast<State*>(state_.value.get());
  }

 private:
  [[noreturn]] static void throw_other_state(const std::type_info& asked);

  const exec::FunctionCall& call_;
  const WorkerState& state_;
};

}  // namespace drover
