// Executes attempts of kind function, each in a process of its own, forked by a zygote: a crash takes nothing
// else along, what leaks is gone with it, and what does not end when it is told to is killed.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drover/exec/environment.hpp"
#include "drover/exec/function_runner.hpp"
#include "drover/exec/output_capture.hpp"
#include "drover/exec/whole_lines.hpp"
#include "drover/exec/zygote.hpp"
#include "drover/runtime/call_board.hpp"
#include "drover/runtime/message_stream.hpp"

namespace drover::runtime {

class IsolatedFunctions final : public exec::FunctionRunner {
 public:
  struct Slots {
    std::uint32_t num = 1;
    std::uint32_t first_job_slot = 1;
  };

  /// The zygote's processes serve_isolated_call(). The tasks that functions make go by way of `calls`. Both
  /// outlive it. Of `profile`, only the times matter. Throws drover::Error.
  IsolatedFunctions(exec::Zygote& zygote, CallBoard& calls, const core::ExecProfile& profile, exec::Identity identity,
                    Slots slots);
  ~IsolatedFunctions() override;

  [[nodiscard]] int fd() const override { return epoll_.get(); }
  [[nodiscard]] int output_fd() const override { return output_epoll_.get(); }
  void start(core::Assignment assignment, core::Time now) override;
  void stop(core::AttemptId attempt, core::Time now) override;
  [[nodiscard]] std::optional<core::Time> next_deadline() const override;
  /// Throws drover::Error when the zygote is gone.
  void poll(core::Time now, std::size_t output_budget, exec::AttemptHandler& handler) override;
  void take_last_output(exec::AttemptHandler& handler) override;
  [[nodiscard]] bool shut_down(core::Duration limit) override;

 private:
  /// Why drover itself ends an attempt.
  enum class EndedBy : std::uint8_t { nobody, timeout, request };
  struct Attempt {
    Attempt(core::AttemptId attempt_id, exec::Zygote::Started process, core::Time begin)
        : id(attempt_id), stream(std::move(process.socket)), out(std::move(process.out)), started(begin) {}
    core::AttemptId id;
    MessageStream stream;
    std::array<support::UniqueFd, 2> out;  ///< what it prints, until the end
    exec::Printed printed;
    core::Time started;
    std::uint32_t slot = 0;  ///< that it holds; 0: none
    bool is_active = true;   ///< does not wait for others
    bool is_watched = true;  ///< there may be more to hear
    EndedBy ended_by = EndedBy::nobody;
    std::optional<core::Time> step_at;          ///< when to tell it to stop, or to kill it
    std::optional<core::AttemptResult> result;  ///< its own word
    std::optional<exec::Zygote::Exit> exit;     ///< its process has ended
    std::map<std::uint64_t, CallPtr> calls;     ///< the tasks that it made, by its own numbers
    CallTallyPtr tally = std::make_shared<CallTally>();
    std::uint64_t num_unacknowledged = 0;  ///< of those, since the last SubmitAck
    std::vector<wire::Fetch> fetches;      ///< what it wants of values, not answered yet
  };
  using Attempts = std::map<std::uint64_t, Attempt>;  ///< by the number of the process
  /// The ends of tasks that functions made: filled on the board's thread.
  struct Inbox {
    std::mutex mutex;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ended;                ///< process, its number for the task
    std::map<std::pair<std::uint64_t, std::uint64_t>, CallProgress> advanced;  ///< the same
    support::UniqueFd event;
  };

  void begin_next(core::Time now);
  [[nodiscard]] bool hear(std::uint64_t number, Attempt& attempt, exec::AttemptHandler& handler);
  void take(std::uint64_t number, Attempt& attempt, wire::Message& message, exec::AttemptHandler& handler);
  void submit(std::uint64_t number, Attempt& attempt, wire::Submit& submit);
  void set_waiting(Attempt& attempt, bool is_waiting, exec::AttemptHandler& handler);
  void wake_up() const;
  void settle_calls();
  void send_pieces();
  void acknowledge_calls();
  void end_dropped(exec::AttemptHandler& handler);
  void end_attempts(core::Time now, exec::AttemptHandler& handler);
  void read_output(std::size_t budget, exec::AttemptHandler& handler);
  [[nodiscard]] std::size_t read_output(Attempt& attempt, core::Stream stream, std::size_t budget,
                                        exec::AttemptHandler& handler);
  [[nodiscard]] std::size_t read_words(core::Stream stream, std::size_t budget, exec::AttemptHandler& handler);
  [[nodiscard]] std::string_view read_some(support::UniqueFd& fd, std::size_t budget);
  void watch_output(const std::array<support::UniqueFd, 2>& fds, std::uint64_t number);
  void take_exits();
  void expire(core::Time now);
  void send(std::uint64_t number, Attempt& attempt, const wire::Message& message);
  void watch_for_more(std::uint64_t number, Attempt& attempt);
  void watch(int fd, std::uint64_t number, std::uint32_t events, int operation);
  [[nodiscard]] core::AttemptResult result_of(Attempt& attempt, core::Time now) const;

  exec::Zygote& zygote_;
  CallBoard& calls_;
  core::Duration timeout_;
  core::Duration kill_after_;
  exec::Identity identity_;
  std::uint32_t num_slots_;
  std::uint32_t first_job_slot_;
  support::UniqueFd epoll_;
  support::UniqueFd output_epoll_;
  std::vector<char> buffer_;
  std::array<exec::WholeLines, 2> words_;  ///< of the zygote
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::deque<core::Assignment> line_;     ///< started, and without a process yet
  std::vector<core::AttemptId> dropped_;  ///< stopped while they stood there
  std::set<std::uint64_t> unheard_;       ///< those processes have said more than one poll() takes
  int num_heard_ = 0;                     ///< messages in this poll()
  Attempts attempts_;
  std::set<std::uint32_t> free_slots_;
  std::size_t num_active_ = 0;
  std::uint64_t last_number_ = 1;
};

}  // namespace drover::runtime
