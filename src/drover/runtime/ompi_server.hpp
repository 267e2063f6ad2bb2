// The meeting point of MPI jobs: with Open MPI 4.1, jobs that different mpiruns started find each
// other through an ompi-server, which every one of those mpiruns must be told of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drover/runtime/child_process.hpp"

namespace drover::runtime {

/// Owns an ompi-server process, which ends with this object and with the thread that made it. Nothing blocks but the
/// destructor, for a moment.
class OmpiServer {
 public:
  /// Starts it. Throws drover::Error when there is no such program.
  OmpiServer();

  /// Readable when there is something for poll().
  [[nodiscard]] std::vector<int> fds() const { return process_.fds(); }
  /// Takes in what it has said, and whether it has ended.
  void poll();

  /// Its address, as `mpirun --ompi-server` takes it, for every mpirun that is to take part; none before it can be
  /// reached.
  [[nodiscard]] const std::optional<std::string>& uri() const { return uri_; }

  /// Without it running groups go on, and none can join. Another in its place has another address.
  [[nodiscard]] bool has_ended() const { return process_.has_ended(); }
  /// "ompi-server has ended (killed by signal 9)". Once it has.
  [[nodiscard]] std::string end_text() const;
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  ChildProcess process_;
  std::optional<std::string> uri_;
};

/// The address of the ompi-server that this rank's mpirun knows; none if it knows none.
[[nodiscard]] std::optional<std::string> known_ompi_server();

}  // namespace drover::runtime
