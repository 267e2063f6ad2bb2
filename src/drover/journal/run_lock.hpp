// One master a run directory.
//
// The lock is the kernel's, on the file `master.lock`: it goes with the process that holds it, however
// that ends, and an old file is no lock. The directory is locked as well: a file that has been deleted and
// made again would let a second master in, and a directory cannot be deleted without what is in it. Between
// hosts that one may reach nobody, and the other is as good as the file system's locks:
//   - NFS 4 and Lustre mounted with `flock` exclude masters on other hosts too. If the holder's whole
//     host dies, the server keeps the lock until the host's lease expires (NFS 4: about 90 s).
//   - NFS mounted with `nolock` and Lustre with `localflock` exclude only masters of the same host.
//   - Where there are no locks at all (Lustre without either option), the run is refused.
#pragma once

#include <optional>
#include <string>

#include "drover/core/task.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::journal {

/// Held as long as this lives. Move-only.
class RunLock {
 public:
  /// Waits for as long as `patience` for another master that is on its way out. Throws Error naming
  /// the holder, or why there can be no lock.
  [[nodiscard]] static RunLock acquire(const RunDirectory& run, core::Duration patience = {});

 private:
  RunLock(support::UniqueFd directory, support::UniqueFd file)
      : directory_(std::move(directory)), file_(std::move(file)) {}

  support::UniqueFd directory_;
  support::UniqueFd file_;
};

/// Who runs this directory at the moment, in words ("process 12 on node7, since 2025-01-31 17:45:02");
/// none: nobody. Needs only to read. Throws Error if it cannot be known.
[[nodiscard]] std::optional<std::string> current_master(const RunDirectory& run);

}  // namespace drover::journal
