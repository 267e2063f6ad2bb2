// A group that joins a running master: the process that stays with it, outside MPI.
//
//   find the master -> start the group's own mpirun -> its ranks are ready -> announce them -> hand them
//   the port that the master answers with -> stay until they have ended
//
// All are on this host: with Open MPI 4.1, a joining job with ranks on another host than its mpirun's ends the job that
// it joins. The ranks find this process by a socket whose name is in their environment; it talks to the master on the
// control channel (join_channel.hpp). When that closes, or its other side says that it will say no more, the group
// leaves.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drover/control/requests.hpp"
#include "drover/core/task.hpp"
#include "drover/runtime/join_channel.hpp"

namespace drover::runtime {

/// Environment variable with the name of the socket that a joining rank asks for the port. No option has its name.
inline constexpr const char* kJoinVariable = "DROVER_JOIN_SOCKET";

/// What `drover worker --join` is told instead of a run: its standard input and output are the control channel.
inline constexpr const char* kOwnChannel = "-";
/// Said to a group that comes when nothing is left to do.
inline constexpr const char* kRunIsFinished = "the run is over: nothing is left to do";

struct JoinPlan {
  std::string target;  ///< what follows, as a person would call it
  JoinPath path;
  std::uint32_t population = 1;
  std::uint32_t slots_per_worker = 1;
  bool is_in_slurm_job = false;
  std::string program;                    ///< absolute
  std::vector<std::string> args_before;   ///< around the arguments of its ranks
  std::vector<std::string> rank_options;  ///< theirs, beside the slots
  std::vector<std::string> args_after;
  std::string drover_version;
  std::string mpi_version;
  std::string host;  ///< this machine's name, for the master to show
  /// Whether nothing is left to do in the run, so that no master will come; none: nobody can tell from here.
  std::function<bool()> is_run_finished;
  /// How long to wait for a master that does not answer yet.
  core::Duration patience = std::chrono::seconds(30);
  /// Told what is going on, a line each.
  std::function<void(const std::string&)> say;
};

struct JoinEnd {
  enum class How {
    left,         ///< served until it was asked to leave
    stopped,      ///< by a signal, before or after it was connected
    run_stopped,  ///< the run has stopped with work left: the next master that takes it up would have the group again
    lost,         ///< the master is gone or has given the group up, or its ranks have ended: it may try again
    refused,      ///< the master does not want it
  };
  How how = How::left;
  std::string reason;
  bool has_joined = false;      ///< it was part of the run before
  bool has_met_master = false;  ///< one has answered
};

/// Joins and serves. SIGTERM, SIGINT and SIGUSR1 have the group drained, a second one ended. The calling process
/// has one thread. Throws drover::Error when no master answers within the patience.
[[nodiscard]] JoinEnd join(const JoinPlan& plan);

/// The rank's side, rank 0 only: says that the group is ready and waits for the port. Throws
/// drover::Error when the group is not wanted.
[[nodiscard]] std::string ask_for_port();

}  // namespace drover::runtime
