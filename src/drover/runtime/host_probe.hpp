// Asks hosts, before anything is launched there, whether a launch would work: with Open MPI 4.1 a spawn
// on a host that does not answer takes the whole MPI job down.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "drover/runtime/child_process.hpp"

namespace drover::runtime {

/// Hosts that take longer to answer than this are not usable.
inline constexpr core::Duration kProbeLimit = std::chrono::seconds(10);

/// A host that cannot be used.
struct HostFault {
  std::string host;
  std::string what;  ///< a clause that names it
};

/// Runs `drover --version` on each host at once, exactly the way mpirun would get there: by its remote
/// agent (`OMPI_MCA_plm_rsh_agent`, else ssh). Nothing blocks. This machine needs no asking.
class HostProbe {
 public:
  /// `program` is drover's absolute path, the same on every host, and arguments that it needs before its
  /// own. Throws drover::Error when the agent cannot be started.
  HostProbe(const std::vector<std::string>& hosts, const std::vector<std::string>& program, std::string drover_version,
            core::Duration limit, core::Time now);

  /// None while hosts have still to answer; then those that cannot be used.
  [[nodiscard]] std::optional<std::vector<HostFault>> poll(core::Time now);

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
  std::vector<HostFault> unusable_;  ///< that need no asking
  std::vector<Asked> asked_;
};

/// Waits for the verdict: for a process that has nothing else to do.
[[nodiscard]] std::vector<HostFault> faults_of(HostProbe probe);

/// In one sentence.
[[nodiscard]] std::string describe(const std::vector<HostFault>& faults);

}  // namespace drover::runtime
