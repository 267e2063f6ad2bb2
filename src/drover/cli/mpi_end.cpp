#include "drover/cli/mpi_end.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

#include "drover/runtime/watchdog.hpp"

namespace drover::cli {

namespace {

/// It may wait for one that is dead, and then does so for ever.
constexpr core::Duration kFinalizeLimit = std::chrono::seconds(3);

}  // namespace

void finalize_mpi(std::optional<transport::MpiSession>& mpi, int status) {
  // Where the first death ends the MPI job nobody is dead: it waits for those that are still at work, and not to wait
  // would end the job for them.
  if (!transport::loss_protection().survives_process_death) return mpi.reset();
  runtime::Watchdog watchdog([](const std::string& line) { spdlog::warn("{}", line); });
  const auto guard = watchdog.watch("MPI_Finalize", kFinalizeLimit, status);
  mpi.reset();
}

void leave_without_mpi(int status) {
  spdlog::shutdown();
  std::fflush(nullptr);
  ::_exit(status);
}

}  // namespace drover::cli
