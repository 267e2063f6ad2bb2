// Ends the commands of a worker that was killed.
//
// The kernel ends a command's own process with its worker (PR_SET_PDEATHSIG), but not what that
// process started: the members of a pipeline would run on. The guardian is a small process that
// knows all attempts and their process groups from memory it shares with the worker, and kills them when
// the worker is gone, however it went: the groups, and what has left them but bears their attempt's mark.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "drover/core/ids.hpp"
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

  /// The run whose attempts these are, once it is known: the directory that they see.
  void set_run(std::string_view run_dir);

  /// An attempt is to execute on a slot.
  void watch(std::size_t slot, core::AttemptId attempt);

  /// Where its process says its number, which is that of its group, as soon as there is one. To be released before the
  /// process is reaped: as long as a listed leader is unreaped its number is not given to others; should the worker
  /// die, a listed group could only be another's if its number were reused within the moment that follows.
  [[nodiscard]] std::atomic<pid_t>& group(std::size_t slot);
  void release(std::size_t slot);

 private:
  struct Run;
  struct Watched;

  [[noreturn]] void guard(int alive_fd) const;
  [[nodiscard]] std::size_t size() const;

  std::size_t num_slots_;
  Run* run_ = nullptr;  ///< in shared memory, and behind it the slots
  Watched* watched_ = nullptr;
  support::UniqueFd alive_;  ///< the guardian sees the end of the pipe when this is closed
  pid_t guardian_ = -1;
};

}  // namespace drover::exec
