// Messages over MPI point-to-point: non-blocking throughout, one communicator a group of peers.
#pragma once

#include <memory>
#include <vector>

#include "drover/transport/group_link.hpp"
#include "drover/transport/mpi_session.hpp"
#include "drover/transport/transport.hpp"

namespace drover::transport {

/// The transport of one rank. Must not outlive the session. What is still under way when it is
/// destroyed is given up. Groups keep their addresses for ever; the caller never uses one twice.
class MpiTransport final : public Transport {
 public:
  /// Of a master: the other ranks of the world are workers, with addresses from `first_of_world` on.
  MpiTransport(MpiSession& session, Address first_of_world);
  /// Of a worker that came with the world: rank 0 is the master.
  explicit MpiTransport(MpiSession& session);
  /// Of a worker that came later: the other side is the master.
  explicit MpiTransport(GroupLink master);
  ~MpiTransport() override;

  void send(Address to, std::string message) override;
  void send_ahead(Address to, std::string message) override;
  std::optional<Incoming> receive() override;
  [[nodiscard]] std::size_t num_unsent_bytes(std::optional<Address> to) const override;
  [[nodiscard]] Traffic traffic() const override;
  void forget(Address peer) override;

  /// From now on the members of this group are peers, with addresses from `first` on, which are
  /// returned.
  std::vector<Address> add_group(GroupLink link, Address first);

  /// Forgets all members of the group that came with this address as its first, and lets go of its
  /// connection. Never blocks, whoever of them is dead.
  void release_group(Address first);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::transport
