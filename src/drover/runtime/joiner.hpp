// A group that joins a running master: the process that stays with it, outside MPI.
//
//   find the master -> start the group's own mpirun -> its ranks are ready -> announce them -> hand them
//   the port that the master answers with -> stay until they have ended
//
// The ranks find this process by a socket whose name is in their environment; it talks to the master on
// the control channel, directly or through a relay (`drover relay`, by ssh) on the master's host.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drover/control/requests.hpp"
#include "drover/core/task.hpp"

namespace drover::runtime {

/// Environment variable with the name of the socket that a joining rank asks for the port.
inline constexpr const char* kJoinVariable = "DROVER_JOIN";

struct JoinPlan {
  std::string target;  ///< what follows, as a person would call it
  /// Run directory on this machine; else how to reach a relay: a command whose standard input and
  /// output are the control channel.
  std::string run_dir;
  std::vector<std::string> relay;
  std::uint32_t population = 1;
  std::uint32_t slots_per_worker = 1;
  std::vector<control::HostSlots> hosts;  ///< empty: this machine
  bool is_in_slurm_job = false;           ///< of which the hosts are nodes
  std::string program;                    ///< absolute
  std::vector<std::string> args_before;   ///< around the arguments of its ranks
  std::vector<std::string> rank_options;  ///< theirs, beside the slots
  std::vector<std::string> args_after;
  std::string drover_version;
  std::string host;  ///< this machine's name, for the master to show
  /// How long to wait for a master that does not answer yet.
  core::Duration patience = std::chrono::seconds(30);
  /// Whether it was part of the run before, and looks for its next master.
  bool was_part = false;
  /// Whether the run has come to its end, so that there will be no next master. May be null: that cannot be known here.
  std::function<bool()> is_run_over;
  /// Told what is going on, a line each.
  std::function<void(const std::string&)> say;
};

struct JoinEnd {
  enum class How {
    left,     ///< served until it was asked to leave
    stopped,  ///< by a signal, before or after it was connected
    lost,     ///< the master is gone or has given the group up, or its ranks have ended: it may try again
    refused,  ///< the master does not want it
  };
  How how = How::left;
  std::string reason;
  bool has_joined = false;  ///< it was part of the run before
};

/// Joins and serves. SIGTERM, SIGINT and SIGUSR1 have the group drained, a second one ended. The calling process
/// has one thread. Throws drover::Error when no master answers within the patience.
[[nodiscard]] JoinEnd join(const JoinPlan& plan);

/// The rank's side, rank 0 only: says that the group is ready and waits for the port. Throws
/// drover::Error when the group is not wanted.
[[nodiscard]] std::string ask_for_port();

}  // namespace drover::runtime
