#include "drover/cli/version.hpp"

#include <spdlog/version.h>

#include <CLI/CLI.hpp>

#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

std::string version() {
  return DROVER_VERSION;
}

std::string version_text() {
  const std::string protection =
      transport::is_started_by_launcher()
          ? "this MPI start " + transport::loss_protection().explanation
          : "no MPI launcher: 'drover run' starts its own ranks, protected against the death of processes";
  return "drover " + version() + "\n" + transport::mpi_version() + ", Boost " + transport::boost_version() +
         ", CLI11 " CLI11_VERSION ", spdlog " + std::to_string(SPDLOG_VER_MAJOR) + "." +
         std::to_string(SPDLOG_VER_MINOR) + "." + std::to_string(SPDLOG_VER_PATCH) + "\n" + protection;
}

}  // namespace drover::cli
