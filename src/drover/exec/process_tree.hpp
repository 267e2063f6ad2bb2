// What /proc says of processes: who started whom, and for which attempt. Any thread may call it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/ids.hpp"

namespace drover::exec {

/// A process for ever: its number may be given to another once it is reaped.
struct ProcessId {
  pid_t pid = -1;
  std::uint64_t start_time = 0;

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

/// None when there is no such process. Does not block.
[[nodiscard]] std::optional<ProcessId> identify(pid_t pid);

/// What it started, or has as its own since their parents ended: none when it has ended itself. Does not block.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

/// Those of a process's first thread, to which the kernel gives the orphans that the process adopts. Does not block.
[[nodiscard]] std::vector<pid_t> children_of_first_thread(pid_t pid);

/// All below it, parents before their children. Does not block.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t pid);

/// Its name, for people.
[[nodiscard]] std::string process_name(pid_t pid);

/// The attempt of the run in `run_dir` that the process belongs to, by the environment with which it was started.
/// May block for as long as the process is being swapped in.
[[nodiscard]] std::optional<core::AttemptId> attempt_of(pid_t pid, std::string_view run_dir);

/// All processes of this host. Does not block.
[[nodiscard]] std::vector<pid_t> all_processes();

}  // namespace drover::exec
