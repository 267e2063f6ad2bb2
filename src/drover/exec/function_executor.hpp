// Executes attempts of kind function: on threads of a pool, as many at once as there are slots, in the
// order in which they were started.
//
// A thread cannot be ended from outside. A function whose time is over, or that is to stop, is told so
// and has a while to heed it; after that its attempt ends all the same, and its thread is left behind.
//
// For the thread that constructed it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "drover/core/events.hpp"
#include "drover/exec/attempt_handler.hpp"
#include "drover/exec/environment.hpp"
#include "drover/exec/function_runner.hpp"
#include "drover/exec/function_table.hpp"
#include "drover/exec/output_capture.hpp"

namespace drover::exec {

class FunctionExecutor final : public FunctionRunner {
  struct Pool;
  struct Job;

 public:
  /// While it lives, the function that this thread executes waits for other tasks, which may have its
  /// slot meanwhile. On a thread that executes none it does nothing.
  class WaitScope {
   public:
    WaitScope();
    ~WaitScope();
    WaitScope(const WaitScope&) = delete;
    WaitScope& operator=(const WaitScope&) = delete;

    /// For a thread that executes a function though no executor of this process sees to it.
    static void tell(std::function<void(bool is_waiting)> on_wait);
  };

  struct Slots {
    std::uint32_t num = 1;
    std::uint32_t first_job_slot = 1;
  };

  /// Of `profile`, only the times matter. `capture` outlives it; null: what functions print goes where it goes. Throws
  /// drover::Error.
  FunctionExecutor(std::shared_ptr<const FunctionTable> functions, const core::ExecProfile& profile, Identity identity,
                   Slots slots, OutputCapture* capture = nullptr);
  /// Tells what still executes to stop and waits a while for it. See num_left_behind().
  ~FunctionExecutor() override;
  FunctionExecutor(const FunctionExecutor&) = delete;
  FunctionExecutor& operator=(const FunctionExecutor&) = delete;

  [[nodiscard]] int fd() const override;
  [[nodiscard]] int output_fd() const override;
  void start(core::Assignment assignment, core::Time now) override;
  void stop(core::AttemptId attempt, core::Time now) override;
  [[nodiscard]] std::optional<core::Time> next_deadline() const override;
  void poll(core::Time now, std::size_t output_budget, AttemptHandler& handler) override;
  void take_last_output(AttemptHandler& handler) override;
  [[nodiscard]] bool shut_down(core::Duration limit) override;

  [[nodiscard]] std::size_t num_running() const { return attempts_.size(); }

  /// Threads that did not end when they were told to. While there are any, the process can only end
  /// by _exit().
  [[nodiscard]] std::size_t num_left_behind() const { return num_left_behind_; }

 private:
  enum class Change : std::uint8_t { waits, goes_on, ended };
  /// What this thread executes.
  struct Current {
    Pool* pool = nullptr;
    std::shared_ptr<Job> job;
    std::function<void(bool)> on_wait{};
  };
  static Current& current();

  /// Why drover itself ends an attempt.
  enum class EndedBy : std::uint8_t { nobody, timeout, request };
  struct Attempt {
    std::shared_ptr<Job> job;
    EndedBy ended_by = EndedBy::nobody;
    core::Duration timeout{};
    std::optional<core::Time> step_at;  ///< when to tell it to stop, or to leave it behind
    core::Time started{};
  };

  static void serve(const std::shared_ptr<Pool>& pool);
  static void execute(const Pool& pool, Job& job);
  static void await_turn(Attempt& attempt, core::Time now);
  void take_news(AttemptHandler& handler);
  void end_overdue(core::Time now);
  void leave_behind(core::AttemptId id, core::Time now);
  void hand_over_ended(AttemptHandler& handler);

  core::Duration timeout_;
  core::Duration kill_after_;
  std::shared_ptr<Pool> pool_;
  OutputCapture* capture_;
  std::map<core::AttemptId, Attempt> attempts_;
  std::vector<core::AttemptResult> ended_;  ///< to be handed over once their output has been
  std::size_t num_left_behind_ = 0;
};

}  // namespace drover::exec
