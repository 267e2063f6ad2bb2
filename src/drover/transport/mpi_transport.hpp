// Messages over MPI point-to-point: non-blocking throughout, one communicator a group of peers.
#pragma once

#include <memory>

#include "drover/transport/mpi_session.hpp"
#include "drover/transport/transport.hpp"

namespace drover::transport {

/// The transport of one rank. On rank 0, the other ranks of the world are the workers with their
/// rank as number; elsewhere, rank 0 is the master. Must not outlive the session. What is still
/// under way when it is destroyed is given up.
class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(MpiSession& session);
  ~MpiTransport() override;

  void send(Address to, std::string message) override;
  std::optional<Incoming> receive() override;
  [[nodiscard]] std::size_t num_unsent_bytes(std::optional<Address> to) const override;
  void forget(Address peer) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::transport
