// Leaving MPI, which may not let go.
#pragma once

#include <memory>

#include "drover/cli/standard_streams.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

/// Finalizes MPI. Should that hang, as it does when a rank died that nobody knew of, the process ends
/// with `status` after a few seconds. What was printed is out before.
void finalize_mpi(std::unique_ptr<transport::MpiSession> mpi, int status);

/// The same when this process exits: what main() does until then is done, whatever becomes of MPI, and the status is
/// main()'s own. `is_tainted`: without finalizing, as leave_without_mpi(). Throws drover::Error.
void leave_mpi_at_exit(std::unique_ptr<transport::MpiSession> mpi, bool is_tainted, LauncherStreams streams);

/// Ends the process without finalizing MPI: when ranks are known to be dead, MPI would wait for them. What was printed
/// is out before.
[[noreturn]] void leave_without_mpi(int status);

}  // namespace drover::cli
