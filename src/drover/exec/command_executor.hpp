// Executes attempts: commands in process groups of their own, with their output read as it comes.
//
// For one thread, which nothing here keeps waiting: commands are started by a Starter, whose threads may block. The
// owner of the process has SIGCHLD blocked before other threads start: see block_child_signal().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/core/stream.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/attempt_handler.hpp"
#include "drover/exec/command_spawner.hpp"
#include "drover/exec/environment.hpp"
#include "drover/exec/last_line.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/exec/process_tree.hpp"
#include "drover/exec/starter.hpp"
#include "drover/exec/strays.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// Blocks SIGCHLD in this thread, and so in all that it starts later.
void block_child_signal();

class CommandExecutor {
 public:
  /// `guardian` outlives this and has room for the slots that are used. Throws drover::Error.
  CommandExecutor(core::ExecProfile profile, const Identity& identity, const Variables& origin,
                  ProcessGuardian& guardian);
  /// Kills what still executes.
  ~CommandExecutor();
  CommandExecutor(const CommandExecutor&) = delete;
  CommandExecutor& operator=(const CommandExecutor&) = delete;

  /// Readable when poll() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Executes a command on a free slot, soon. One that cannot be started has that as its result; where it is the host
  /// that cannot start it, the result is Killed: the attempt says nothing about the task.
  void start(core::AttemptId attempt, const core::TaskSpec& spec, const Placement& placement, core::Time now);

  /// Ends an attempt, which then has Killed as its outcome: TERM to all that it has started, KILL after the
  /// profile's kill_after; KILL at once when asked again. Unknown attempts are ignored.
  void stop(core::AttemptId attempt, core::Time now);

  /// When to call poll() at the latest.
  [[nodiscard]] std::optional<core::Time> next_deadline() const;

  /// Hands over at most `output_budget` bytes of output, and what has ended. Never blocks. With no
  /// budget, output stays where it is and so does the end of an attempt that has more of it.
  void poll(core::Time now, std::size_t output_budget, AttemptHandler& handler);

  [[nodiscard]] std::size_t num_running() const { return attempts_.size(); }

  /// What people should know of this host, a line each, since this was called last.
  [[nodiscard]] std::vector<std::string> take_remarks(core::Time now);

 private:
  /// Why drover itself ends an attempt.
  enum class EndedBy : std::uint8_t { nobody, timeout, request };

  /// How a process ended.
  struct Exit {
    pid_t pid = -1;
    core::Time at{};
    int wait_status = 0;
    core::Duration cpu_time{};
    std::uint64_t max_rss_kib = 0;
  };

  struct OutputStream {
    support::UniqueFd fd;
    std::uint64_t num_bytes = 0;
    bool is_ready = false;
  };

  struct Attempt {
    core::AttemptId id;
    std::uint32_t slot = 1;
    std::size_t num_bytes = 0;  ///< of the command
    core::Duration timeout{};
    pid_t pid = -1;        ///< -1: it is still to be started
    core::Time started{};  ///< or asked for, as long as it is to be started
    core::WallMicros started_wall = 0;
    std::array<OutputStream, 2> streams;
    LastLine stderr_tail;
    EndedBy ended_by = EndedBy::nobody;
    std::optional<core::Time> signal_at;  ///< when to send the next signal: TERM for the time limit, or KILL
    std::vector<ProcessId> outsiders;     ///< what it started outside of its group, as drover ended it
    std::optional<Exit> exit;             ///< of a process that it had, which was the last one if it has been started

    [[nodiscard]] bool is_started() const { return pid >= 0; }
    [[nodiscard]] bool is_exited() const { return is_started() && exit && exit->pid == pid; }
  };

  void take_births(core::Time now);
  void on_birth(Attempt& attempt, Birth birth, core::Time now);
  void end_unborn(core::AttemptId attempt, core::Outcome outcome, core::WallMicros at);
  void watch(Attempt& attempt, core::Stream stream);
  void collect_events();
  void reap(core::Time now);
  [[nodiscard]] Attempt* attempt_with(pid_t pid);
  void on_exit(Attempt& attempt, const Exit& exit);
  void on_end(Attempt& attempt);
  void signal(Attempt& attempt, int signal);
  void give_up_slow_starts(core::Time now);
  void send_due_signals(core::Time now);
  void read_streams(std::size_t budget, AttemptHandler& handler);
  [[nodiscard]] std::size_t read_stream(Attempt& attempt, core::Stream stream, std::size_t budget,
                                        AttemptHandler& handler);
  [[nodiscard]] static bool is_drained(const Attempt& attempt);
  [[nodiscard]] static core::AttemptResult result_of(const Attempt& attempt);
  [[nodiscard]] static core::Outcome outcome_of(const Attempt& attempt);

  core::ExecProfile profile_;
  ProcessGuardian& guardian_;
  support::UniqueFd epoll_;
  support::UniqueFd child_signal_;
  std::shared_ptr<CommandSpawner> spawner_;  ///< with the starter's threads
  Strays strays_;
  Starter starter_;
  std::map<core::AttemptId, Attempt> attempts_;
  std::set<core::AttemptId> starting_;  ///< of those, that are to be started
  std::unordered_map<pid_t, core::AttemptId> by_pid_;
  std::vector<core::AttemptResult> not_started_;
  std::vector<std::string> remarks_;
  std::optional<core::Time> obstacle_told_;
  bool has_child_signal_ = false;
  std::vector<char> buffer_;
};

}  // namespace drover::exec
