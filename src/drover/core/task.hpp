// What is to be done, and what came of doing it. Plain values, no behaviour beyond classification.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "drover/core/ids.hpp"

namespace drover::core {

using Duration = std::chrono::nanoseconds;

/// Time on the master's or a worker's own monotonic clock, from an arbitrary origin. The core never
/// reads a clock: every entry point is told what time it is.
struct Clock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};
using Time = Clock::time_point;

/// Time of day in microseconds since the epoch, as the executing host has it. For records only: no
/// decision depends on it.
using WallMicros = std::int64_t;

enum class TaskKind : std::uint8_t { command, function };

inline constexpr std::uint8_t kNormalPriority = 128;

/// A unit of work as its submitter gives it.
struct TaskSpec {
  TaskKind kind = TaskKind::command;
  /// The command line, or the serialized call. Bytes, not text.
  std::string payload;
  /// Byte offsets in `payload`, ascending, where the worker inserts the number of the job slot
  /// (`{%}` of a template: it is not known before an attempt starts).
  std::vector<std::uint32_t> slot_marks;
  /// What identifies the task to people: its arguments, or the command itself when this is empty.
  std::string tag;
  /// Goes before all tasks of lower priority; within one, deeper tasks go first, and then those that
  /// were accepted first.
  std::uint8_t priority = kNormalPriority;
  /// How many tasks made one another down to this one: trees of tasks are worked off depth first, which
  /// bounds how much of them is there at once.
  std::uint16_t depth = 0;
  /// The task that made it; none: no task did.
  TaskId maker{};
  /// The time limit of each of its attempts; zero: that of the profile.
  Duration timeout{};

  friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

/// A command with `slot` at each of its marks: the number of a job slot, or what stands for it.
[[nodiscard]] inline std::string with_job_slot(std::string_view payload, const std::vector<std::uint32_t>& slot_marks,
                                               std::string_view slot) {
  std::string text;
  std::size_t begin = 0;
  for (const std::uint32_t mark : slot_marks) {
    const std::size_t end = std::min<std::size_t>(mark, payload.size());
    text.append(payload.substr(begin, end - begin)).append(slot);
    begin = end;
  }
  return text.append(payload.substr(begin));
}

// How an attempt ended, as the worker that executed it saw it.

/// The process exited by itself; a function that returned has 0.
struct Exited {
  int code = 0;
  friend bool operator==(const Exited&, const Exited&) = default;
};
/// A signal that drover did not send ended the process.
struct Signaled {
  int signal = 0;
  friend bool operator==(const Signaled&, const Signaled&) = default;
};
/// The time limit of the attempt passed; `signal` is what finally ended the process.
struct TimedOut {
  int signal = 0;
  friend bool operator==(const TimedOut&, const TimedOut&) = default;
};
/// The process could not be started; `reason` says why, with the name of what failed.
struct NotStarted {
  int errno_value = 0;
  std::string reason;
  friend bool operator==(const NotStarted&, const NotStarted&) = default;
};
/// drover ended it on request (stop, cancel, halt, drain now); says nothing about the task.
struct Killed {
  friend bool operator==(const Killed&, const Killed&) = default;
};
/// The function ended with an exception, or said that it failed.
struct Threw {
  std::string type;  ///< as C++ names it; empty when the function only gave a reason
  std::string text;
  friend bool operator==(const Threw&, const Threw&) = default;
};

using Outcome = std::variant<Exited, Signaled, TimedOut, NotStarted, Killed, Threw>;

[[nodiscard]] inline bool is_success(const Outcome& outcome) {
  const auto* exited = std::get_if<Exited>(&outcome);
  return exited != nullptr && exited->code == 0;
}

/// What the worker reports of an attempt that it executed.
struct AttemptResult {
  AttemptId attempt;
  Outcome outcome;
  WallMicros started_at = 0;
  Duration runtime{};
  /// Bytes sent ahead of this result on each stream.
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  Duration cpu_time{};
  std::uint64_t max_rss_kib = 0;
  /// Last line of stderr that is not blank, at most 200 bytes; for the summary of failures.
  std::string stderr_tail;
  /// What a function that succeeded returned, serialized.
  std::string value;

  friend bool operator==(const AttemptResult&, const AttemptResult&) = default;
};

/// How commands are executed; the same on every worker of a run.
struct ExecProfile {
  /// Interpreter of commands that need one, run as `shell -c COMMAND`.
  std::string shell = "/bin/sh";
  /// Directory to execute in; empty: the worker's own.
  std::string workdir;
  /// `NAME=VALUE`, added to the worker's environment.
  std::vector<std::string> env;
  /// TERM after this long, KILL `kill_after` later; zero: no limit.
  Duration timeout{};
  Duration kill_after = std::chrono::seconds(5);
  std::string run_id;
  std::string run_dir;

  friend bool operator==(const ExecProfile&, const ExecProfile&) = default;
};

}  // namespace drover::core
