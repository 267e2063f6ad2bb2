#include "drover/cli/mpi_end.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

#include "drover/runtime/watchdog.hpp"

namespace drover::cli {

namespace {

constexpr core::Duration kFinalizeLimit = std::chrono::seconds(3);

}  // namespace

void finalize_mpi(std::optional<transport::MpiSession>& mpi, int status) {
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
