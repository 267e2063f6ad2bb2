// Leaving MPI, which may not let go.
#pragma once

#include <optional>

#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

/// Finalizes MPI. Should that hang, as it does when a rank died that nobody knew of, the process ends
/// with `status` after a few seconds.
void finalize_mpi(std::optional<transport::MpiSession>& mpi, int status);

/// Ends the process without finalizing MPI: when ranks are known to be dead, MPI would wait for them.
[[noreturn]] void leave_without_mpi(int status);

}  // namespace drover::cli
