// A worker: joins its machine, the transport and the executor of commands. One thread, which answers
// the master whatever the commands do.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/worker_machine.hpp"
#include "drover/exec/command_executor.hpp"
#include "drover/exec/function_executor.hpp"
#include "drover/exec/output_capture.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/exec/zygote.hpp"
#include "drover/runtime/call_board.hpp"
#include "drover/runtime/call_outlet.hpp"
#include "drover/runtime/departure.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/waiter.hpp"
#include "drover/transport/transport.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

struct WorkerOptions {
  std::string host;
  std::uint32_t num_slots = 1;
  std::string drover_version;
  /// What tasks of kind function may call; null: this program has none.
  std::shared_ptr<const exec::FunctionTable> functions;
  /// If there is one, functions execute in its processes.
  exec::Zygote* zygote = nullptr;
  /// What keeps what functions print that execute in this process; null: it goes where it goes.
  exec::OutputCapture* capture = nullptr;
};

/// How a worker came to its end.
enum class WorkerEnd {
  left,       ///< as the master asked
  abandoned,  ///< the master is gone: what executed has been ended
};

class WorkerLoop final : private exec::AttemptHandler {
 public:
  /// The arguments outlive the loop. `signals`: SIGTERM and SIGUSR1. `calls`: where functions
  /// submit tasks; null: they do not.
  WorkerLoop(WorkerOptions options, transport::Transport& transport, exec::ProcessGuardian& guardian,
             SignalInbox& signals, CallBoard* calls = nullptr);

  /// Announces the worker and serves until it is told to leave. Throws drover::Error when the
  /// transport fails.
  [[nodiscard]] WorkerEnd run();

  /// A function did not end when it was told to: the process can only end by _exit().
  [[nodiscard]] bool has_left_threads() const { return has_left_threads_; }

 private:
  void take_messages();
  void take(wire::Welcome& welcome);
  void take(wire::Ticket& ticket);
  void take(wire::Recall& recall);
  void take(wire::Kill& kill);
  void take(const wire::Drain& drain);
  void take(const wire::OutputAck& ack);
  void take(const wire::Ping& ping);
  void take(wire::Settled& settled);
  void take(wire::Advanced& advanced);
  void take(const wire::SubmitAck& ack);
  void take(wire::Piece& piece);
  void take(const wire::Release& release);
  template <class Unexpected>
  void take(const Unexpected& unexpected);

  void on_output(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes) override;
  void on_words(core::Stream stream, std::span<const char> bytes) override;
  void on_ended(core::AttemptResult result) override;
  void on_waiting(core::AttemptId attempt, bool is_waiting) override;

  void handle(const core::WorkerEvent& event) { handle({&event, 1}); }
  void handle(std::span<const core::WorkerEvent> events);
  void perform(core::worker_command::Report& command);
  void perform(core::worker_command::Start& command);
  void perform(const core::worker_command::Stop& command);
  void perform(const core::worker_command::Leave& command);
  void perform(const core::worker_command::Abandon& command);

  [[nodiscard]] std::unique_ptr<exec::FunctionRunner> make_function_runner() const;
  void take_signals();
  void poll_attempts();
  void remark(const std::string& text);
  void end_functions();
  void keep_output(std::optional<core::AttemptId> attempt, core::Stream stream, std::span<const char> bytes);
  [[nodiscard]] std::uint64_t output_budget() const;
  void send_outputs();
  void send(const wire::Message& message);
  void wait();
  void flush();

  WorkerOptions options_;
  transport::Transport& transport_;
  exec::ProcessGuardian& guardian_;
  SignalInbox& signals_;
  Departure departure_;
  CallBoard* calls_;
  std::optional<CallOutlet> outlet_;  ///< of the calls
  Waiter waiter_;
  core::Time now_;
  bool was_active_ = false;
  std::optional<WorkerEnd> end_;

  // From Welcome on.
  std::optional<core::WorkerMachine> machine_;
  core::ExecProfile profile_;
  std::vector<std::string> origin_;
  std::optional<exec::Identity> identity_;
  std::unique_ptr<exec::CommandExecutor> executor_;  ///< from the first command on: it reaps all children
  std::unique_ptr<exec::FunctionRunner> functions_;  ///< of a program that has some
  bool has_left_threads_ = false;
  std::uint32_t first_job_slot_ = 1;
  std::uint64_t output_window_ = 0;
  core::Duration heartbeat_{};
  std::uint64_t num_unacknowledged_ = 0;

  std::uint32_t num_waiting_told_ = 0;
  std::vector<wire::OutputChunk> outputs_;  ///< read, and not yet sent
  std::size_t num_output_bytes_ = 0;
  std::vector<core::WorkerEvent> attempt_events_;  ///< told by executors, not yet to the machine
};

}  // namespace drover::runtime
