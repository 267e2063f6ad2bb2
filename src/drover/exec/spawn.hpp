// Starts a process in a group of its own, as cheaply as the system allows.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// A program to execute and its argument vector, terminated by a null pointer.
struct ExecCandidate {
  const char* path = nullptr;
  char* const* argv = nullptr;
};

struct SpawnRequest {
  /// Tried in order: the next one only if the one before cannot be executed for a reason that
  /// another program may not meet (not: too long).
  std::vector<ExecCandidate> candidates;
  char* const* envp = nullptr;
  const char* workdir = nullptr;  ///< null: this process's
  int stdin_fd = -1;
  int stdout_fd = -1;            ///< -1: a pipe, of which the caller gets the other end
  int stderr_fd = -1;            ///< the same
  bool has_own_session = false;  ///< beside a group of its own
  int death_signal = SIGKILL;    ///< what it gets when the thread that called spawn() ends
};

struct Spawned {
  pid_t pid = -1;               ///< also the process group; -1: not started
  support::UniqueFd stdout_fd;  ///< read end, non-blocking; none when the request had one
  support::UniqueFd stderr_fd;  ///< the same
  int errno_value = 0;          ///< why it was not started
  std::string failed_call;      ///< "pipe", "vfork", "chdir", "exec"
};

/// Starts it. The child has default signal dispositions and an empty signal mask, and gets
/// `death_signal` when the thread that called this ends. Reports failure in its result.
[[nodiscard]] Spawned spawn(const SpawnRequest& request);

}  // namespace drover::exec
