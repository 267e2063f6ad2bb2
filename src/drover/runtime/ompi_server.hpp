// The meeting point of MPI jobs: with Open MPI 4.1, jobs that different mpiruns started find each
// other through an ompi-server, which every one of those mpiruns must be told of.
#pragma once

#include <optional>
#include <string>

#include "drover/runtime/child_process.hpp"

namespace drover::runtime {

/// Owns an ompi-server process, which ends with this object and with the thread that made it.
class OmpiServer {
 public:
  /// Starts it and waits until it can be reached. Throws drover::Error when that takes longer than a
  /// few seconds, or there is no such program.
  OmpiServer();

  /// Its address, as `mpirun --ompi-server` takes it; for every mpirun that is to take part.
  [[nodiscard]] const std::string& uri() const { return uri_; }

  /// Without it running groups go on, and none can join.
  [[nodiscard]] bool is_alive();

 private:
  ChildProcess process_;
  std::string uri_;
};

/// The address of the ompi-server that this rank's mpirun knows; none if it knows none.
[[nodiscard]] std::optional<std::string> known_ompi_server();

}  // namespace drover::runtime
