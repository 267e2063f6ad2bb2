// Notices at once when a worker's process ends on the master's own machine, where MPI tells nobody and
// a lease would have to run out.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// What processes must have in common to know each other by their numbers: the boot of a kernel and
/// a PID namespace. Containers on one machine differ in it, whatever their host names.
[[nodiscard]] std::string pid_scope();

/// Watches processes through pidfds, which stay those of a process when its number is given to
/// another. Where the kernel has none, nothing is noticed. Not thread-safe.
class ProcessWatch {
 public:
  /// Throws drover::Error.
  ProcessWatch();

  /// Watches a process of this scope; one that has ended already counts as ending now.
  void watch(core::WorkerId worker, pid_t pid);
  void forget(core::WorkerId worker) { watched_.erase(worker); }

  /// Readable while a process has ended that was not forgotten.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// All that have ended and were not forgotten, in order.
  [[nodiscard]] std::vector<core::WorkerId> ended() const;

 private:
  support::UniqueFd epoll_;
  std::map<core::WorkerId, support::UniqueFd> watched_;
};

}  // namespace drover::runtime
