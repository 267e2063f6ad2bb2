// How worker groups come into a running MPI job: spawned by the master, or joined by a launcher of
// their own. They leave by MpiTransport::release_group().
//
// MPI_Comm_spawn and MPI_Comm_accept block, and now and then for ever. On the master they run on a
// thread of their own, so that the batch goes on meanwhile and whatever happens; what is stuck is
// given up, and the MPI job must then be abandoned at its end rather than finalized.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/transport/group_link.hpp"

namespace drover::transport {

/// A group on its way in. Move-only; used by the thread that calls MPI. Destroying it while it is not
/// there yet gives it up: should it come after all, it is let go of at once.
class GroupArrival {
 public:
  struct Call;  ///< mpi_groups.cpp

  explicit GroupArrival(std::shared_ptr<Call> call);
  GroupArrival(GroupArrival&&) noexcept;
  GroupArrival& operator=(GroupArrival&&) noexcept;
  ~GroupArrival();

  /// Readable once take() has something to say.
  [[nodiscard]] int fd() const;

  /// The connection, once; none while it is still to come. Throws drover::Error with MPI's words
  /// when the group does not come.
  [[nodiscard]] std::optional<GroupLink> take();

 private:
  std::shared_ptr<Call> call_;
};

struct SpawnRequest {
  int population = 1;
  std::string program;            ///< absolute
  std::vector<std::string> args;  ///< of the program, without its name
  std::vector<std::string> env;   ///< `NAME=value`, beyond what the launcher passes on
  std::string workdir;            ///< empty: the launcher's
  /// `host` or `host:slots`; empty: wherever the MPI job has room.
  std::vector<std::string> hosts;
  /// The hosts are not part of this MPI job yet. On Open MPI 4.1, one that cannot be reached takes
  /// the whole job down: probe first.
  bool are_hosts_new = false;
};

/// Starts processes that find their master by parent_link(). A failed spawn harms nothing at once,
/// but with Open MPI 4.1 mpirun may not end by itself afterwards.
[[nodiscard]] GroupArrival spawn_group(SpawnRequest request);

/// An address where groups can connect to this process. Closed by its destructor.
class ListeningPort {
 public:
  /// Throws drover::Error.
  ListeningPort();
  ~ListeningPort();
  ListeningPort(const ListeningPort&) = delete;
  ListeningPort& operator=(const ListeningPort&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// Takes in the next group that connects to `port`. Accept only a group that has announced itself,
/// each on a port of its own: one that dies before it connects then leaves behind a thread that
/// waits, and no more.
[[nodiscard]] GroupArrival accept_group(std::string port);

/// Why no group can join this MPI job; empty when one can. For people; needs no MPI.
[[nodiscard]] std::string join_obstacle();

/// The joining side: connects all processes of this MPI job to a master. Called by all of them;
/// `ask_for_port` is called by rank 0 alone, may take its time, and when it throws, so does
/// connect_group() on every rank. The others sleep meanwhile. Then blocks until the master accepts,
/// which may be never: needs a watchdog. Throws drover::Error.
[[nodiscard]] GroupLink connect_group(const std::function<std::string()>& ask_for_port);

/// The connection to the master that spawned this process; none if it was not spawned.
[[nodiscard]] std::optional<GroupLink> parent_link();

}  // namespace drover::transport
