// Asks hosts, before anything is launched there, whether a launch would work: with Open MPI 4.1 a spawn
// on a host that does not answer takes the whole MPI job down.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "drover/runtime/child_process.hpp"

namespace drover::runtime {

/// Runs `drover --version` on each host at once, exactly the way mpirun would get there: by its remote
/// agent (`OMPI_MCA_plm_rsh_agent`, else ssh). Nothing blocks. This machine needs no asking.
class HostProbe {
 public:
  /// `program` is drover's absolute path, the same on every host. Throws drover::Error when the agent
  /// cannot be started.
  HostProbe(const std::vector<std::string>& hosts, const std::string& program, std::string drover_version,
            core::Duration limit, core::Time now);

  /// None while hosts have still to answer; then what is wrong, a clause for each host that cannot be
  /// used, or an empty text when all can.
  [[nodiscard]] std::optional<std::string> poll(core::Time now);

  [[nodiscard]] std::vector<int> fds() const;

 private:
  struct Asked {
    std::string host;
    ChildProcess process;
  };

  std::string program_;
  std::string drover_version_;
  core::Duration limit_;
  core::Time deadline_;
  std::vector<Asked> asked_;
};

}  // namespace drover::runtime
