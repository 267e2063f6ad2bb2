// How the supervisor and the master that it started know each other.
//
// Below mpirun a rank has pipes for standard streams, and its exit status is mpirun's to lose. So the
// supervisor listens on a socket (its name is in the environment), the master connects and is given
// the user's own standard streams. It says where its run is kept, from which another MPI job could go
// on, and before it leaves MPI how it ends; and is told when no group can join its MPI job any more.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/control/requests.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// Environment variable with the name of the supervisor's socket. Commands never see it.
inline constexpr const char* kSupervisorVariable = "DROVER_SUPERVISOR";

/// A host that offered itself: so many worker ranks can be started there.
struct OfferedHost {
  std::string host;
  std::uint32_t population = 1;
};

/// What the next MPI job has that this one has not, and the other way round.
struct HostChanges {
  std::vector<OfferedHost> come;
  std::vector<std::string> gone;
  /// Other hosts that joined this job because somebody asked for them, and those that have left since: the next job
  /// asks for the ones, and not for the others. No reason for a rollover.
  std::vector<control::HostSlots> asked;
  std::vector<std::string> left;

  [[nodiscard]] bool is_empty() const { return come.empty() && gone.empty(); }
};

/// The supervisor's end. Owns the listening socket and the connection.
class SupervisorListener {
 public:
  /// Throws drover::Error when no socket can be had.
  SupervisorListener();

  /// What the variable is to be set to.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Readable when a master wants to connect, then when it has said something or is gone.
  [[nodiscard]] int fd() const { return connection_ ? connection_.get() : listening_.get(); }

  [[nodiscard]] bool is_connected() const { return master_pid_.has_value(); }
  /// The process on the other side, once connected.
  [[nodiscard]] std::optional<pid_t> master_pid() const { return master_pid_; }

  /// Takes in all that happened; hands the standard streams to a master that connects. Returns false
  /// once the master has gone.
  bool process();

  /// The exit status that the master said, if it did.
  [[nodiscard]] std::optional<int> exit_status() const { return exit_status_; }
  /// The directory of its run; empty before it has one.
  [[nodiscard]] const std::string& run_dir() const { return run_dir_; }
  /// Whether a task has ended and is recorded since the master came.
  [[nodiscard]] bool has_progressed() const { return has_progressed_; }
  /// Why the master asks to go on in a new MPI job, if it does.
  [[nodiscard]] const std::optional<std::string>& rollover_reason() const { return rollover_reason_; }
  /// On which hosts, if on others.
  [[nodiscard]] const HostChanges& host_changes() const { return host_changes_; }
  /// Whether all ranks have found each other.
  [[nodiscard]] bool is_mpi_up() const { return is_mpi_up_; }

  /// Tells the master, also one that is still to come, why no group can join its MPI job any more.
  void say_no_join(const std::string& reason);

 private:
  void accept();
  void send_join_obstacle();
  void take(std::string_view message);

  std::string name_;
  support::UniqueFd listening_;
  support::UniqueFd connection_;
  std::optional<pid_t> master_pid_;
  std::optional<int> exit_status_;
  std::string run_dir_;
  bool is_mpi_up_ = false;
  bool has_progressed_ = false;
  std::string join_obstacle_;
  std::optional<std::string> rollover_reason_;
  HostChanges host_changes_;
};

/// The master's end.
class SupervisorLink {
 public:
  /// Connects to the supervisor that the environment names and puts its standard streams in place of
  /// this process's; without such a variable: no link. Throws drover::Error when it does not answer.
  [[nodiscard]] static std::optional<SupervisorLink> connect();

  /// Readable when the supervisor is gone.
  [[nodiscard]] int fd() const { return connection_.get(); }

  /// Says that all ranks have found each other.
  void say_mpi_up();
  /// Says where the run is kept: `drover run --resume` can go on from there.
  void say_run_dir(const std::string& run_dir);
  /// Says that a task has ended and is recorded.
  void say_progress();
  /// Says that a host has joined for which somebody had asked, or that it has left.
  void say_host_came(const control::HostSlots& host);
  void say_host_left(const std::string& host);
  /// Says how the master is going to exit.
  void say_exit_status(int status);
  /// Says that the master is going to exit so that another MPI job goes on with the run.
  void ask_for_rollover(const std::string& reason, const HostChanges& changes);

  /// Why no group can join this MPI job any more, once the supervisor has said so.
  [[nodiscard]] std::optional<std::string> join_obstacle();

 private:
  void say(const std::string& message);

  explicit SupervisorLink(support::UniqueFd connection) : connection_(std::move(connection)) {}

  support::UniqueFd connection_;
  std::optional<std::string> join_obstacle_;
};

}  // namespace drover::runtime
