// Ends the commands of a worker that was killed.
//
// The kernel ends a command's own process with its worker (PR_SET_PDEATHSIG), but not what that
// process started: the members of a pipeline would run on. The guardian is a small process that
// knows the process groups of all commands from memory it shares with the worker, and kills them when
// the worker is gone, however it went.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>

#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// Forks the guardian at construction: do that before threads are started. It ends by itself once
/// this process has, or this object is destroyed. Used by one thread.
class ProcessGuardian {
 public:
  /// For attempts on slots `1 .. num_slots`. Throws drover::Error.
  explicit ProcessGuardian(std::size_t num_slots);
  ~ProcessGuardian();
  ProcessGuardian(const ProcessGuardian&) = delete;
  ProcessGuardian& operator=(const ProcessGuardian&) = delete;

  /// The group that executes on a slot. To be released before its leader is reaped: as long as a
  /// listed leader is unreaped its number is not given to others; should the worker die, a listed
  /// group could only be another's if its number were reused within the moment that follows.
  void watch(std::size_t slot, pid_t group) { groups_[slot - 1].store(group, std::memory_order_relaxed); }
  void release(std::size_t slot) { groups_[slot - 1].store(0, std::memory_order_relaxed); }

 private:
  std::size_t num_slots_;
  std::atomic<pid_t>* groups_;  ///< shared memory
  support::UniqueFd alive_;     ///< the guardian sees the end of the pipe when this is closed
  pid_t guardian_ = -1;
};

}  // namespace drover::exec
