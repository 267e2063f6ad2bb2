// Executes attempts: commands in process groups of their own, with their output read as it comes.
//
// One thread, the one that constructed it (commands die with that thread). The owner of the process
// has SIGCHLD blocked before other threads start: see block_child_signal().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/core/stream.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/attempt_handler.hpp"
#include "drover/exec/environment.hpp"
#include "drover/exec/last_line.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/exec/spawn.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// Blocks SIGCHLD in this thread, and so in all that it starts later.
void block_child_signal();

class CommandExecutor {
 public:
  /// `guardian` outlives this and has room for the slots that are used. Throws drover::Error.
  CommandExecutor(core::ExecProfile profile, const Identity& identity, ProcessGuardian& guardian);
  /// Kills what still executes.
  ~CommandExecutor();
  CommandExecutor(const CommandExecutor&) = delete;
  CommandExecutor& operator=(const CommandExecutor&) = delete;

  /// Readable when poll() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Executes a command on a free slot. One that cannot be started has that as its result.
  void start(core::AttemptId attempt, const core::TaskSpec& spec, const Placement& placement, core::Time now);

  /// Ends an attempt, which then has Killed as its outcome: TERM to its group, KILL after the
  /// profile's kill_after; KILL at once when asked again. Unknown attempts are ignored.
  void stop(core::AttemptId attempt, core::Time now);

  /// When to call poll() at the latest.
  [[nodiscard]] std::optional<core::Time> next_deadline() const;

  /// Hands over at most `output_budget` bytes of output, and what has ended. Never blocks. With no
  /// budget, output stays where it is and so does the end of an attempt that has more of it.
  void poll(core::Time now, std::size_t output_budget, AttemptHandler& handler);

  [[nodiscard]] std::size_t num_running() const { return attempts_.size(); }

 private:
  /// Why drover itself ends an attempt.
  enum class EndedBy : std::uint8_t { nobody, timeout, request };

  struct OutputStream {
    support::UniqueFd fd;
    std::uint64_t num_bytes = 0;
    bool is_ready = false;
  };

  struct Attempt {
    core::AttemptId id;
    std::uint32_t slot = 1;
    pid_t pid = -1;
    core::Time started{};
    core::WallMicros started_wall = 0;
    std::array<OutputStream, 2> streams;
    LastLine stderr_tail;
    EndedBy ended_by = EndedBy::nobody;
    std::optional<core::Time> signal_at;  ///< when to send the next signal: TERM for the time limit, or KILL
    bool is_exited = false;
    core::Time exited{};
    int wait_status = 0;
    core::Duration cpu_time{};
    std::uint64_t max_rss_kib = 0;
  };

  void watch(Attempt& attempt, core::Stream stream);
  void collect_events();
  void reap(core::Time now);
  void send_due_signals(core::Time now);
  void read_streams(std::size_t budget, AttemptHandler& handler);
  [[nodiscard]] std::size_t read_stream(Attempt& attempt, core::Stream stream, std::size_t budget,
                                        AttemptHandler& handler);
  [[nodiscard]] static bool is_drained(const Attempt& attempt);
  [[nodiscard]] static core::AttemptResult result_of(const Attempt& attempt);
  [[nodiscard]] static core::Outcome outcome_of(const Attempt& attempt);
  [[nodiscard]] Spawned spawn_command(const std::string& text, core::AttemptId attempt, const Placement& placement);
  [[nodiscard]] std::string explain(const Spawned& spawned, std::size_t num_bytes) const;
  [[nodiscard]] std::string find_program(const std::string& name);

  core::ExecProfile profile_;
  Environment environment_;
  ProcessGuardian& guardian_;
  std::string shell_path_;
  support::UniqueFd epoll_;
  support::UniqueFd child_signal_;
  support::UniqueFd null_;
  std::map<core::AttemptId, Attempt> attempts_;
  std::unordered_map<pid_t, core::AttemptId> by_pid_;
  std::vector<core::AttemptResult> not_started_;
  std::unordered_map<std::string, std::string> programs_;  ///< name -> path, as found in PATH
  bool has_child_signal_ = false;
  std::vector<char> buffer_;
};

}  // namespace drover::exec
