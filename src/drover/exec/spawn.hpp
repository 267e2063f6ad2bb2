// Starts a process in a group of its own, as cheaply as the system allows.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <optional>
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
  /// another program may not meet (not: too long, or what the host lacks).
  std::vector<ExecCandidate> candidates;
  char* const* envp = nullptr;
  const char* workdir = nullptr;  ///< null: this process's
  int stdin_fd = -1;
  int stdout_fd = -1;            ///< -1: a pipe, of which the caller gets the other end
  int stderr_fd = -1;            ///< the same
  bool has_own_session = false;  ///< beside a group of its own
  int death_signal = SIGKILL;    ///< what it gets when the thread that called spawn() ends
  /// Where the process says its number before it executes anything; null: nowhere.
  std::atomic<pid_t>* announce = nullptr;
  /// Signals that this process ignores, and the new one is not to.
  std::vector<int> ignored_signals;
  /// Descriptors that have to be left to this process.
  int num_spare_descriptors = 0;
  /// The soft limit of its descriptors; none: this process's.
  std::optional<std::uint64_t> open_files;
};

struct Spawned {
  pid_t pid = -1;               ///< also the process group; -1: not started
  support::UniqueFd stdout_fd;  ///< read end, non-blocking; none when the request had one
  support::UniqueFd stderr_fd;  ///< the same
  int errno_value = 0;          ///< why it was not started
  std::string failed_call;      ///< "pipe", "fork", "chdir", "exec"
};

/// Starts it. The child has default signal dispositions, an empty signal mask and no descriptor but the
/// standard ones, and gets `death_signal` when the thread that called this ends. Reports failure in its result; the
/// process of one that was not started remains to be reaped if it announced its number. Any thread may call it.
[[nodiscard]] Spawned spawn(const SpawnRequest& request);

/// Whether a start failed for what the host lacks (descriptors, processes, memory) or its file system did: that may
/// pass, and says nothing about the command.
[[nodiscard]] bool is_fault_of_host(int errno_value);

/// The signals that this process ignores.
[[nodiscard]] std::vector<int> ignored_signals();

}  // namespace drover::exec
