// The port by which master and workers exchange messages. One thread uses it; nothing blocks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/core/ids.hpp"

namespace drover::transport {

/// A peer: the master for a worker, and a worker for the master.
using Address = core::WorkerId;
inline constexpr Address kMaster{};

struct Received {
  Address from;
  std::vector<char> bytes;
};
/// The transport knows that a peer is gone. Many a death is never told: leases find those.
struct PeerLost {
  Address peer;
  std::string reason;
};
using Incoming = std::variant<Received, PeerLost>;

class Transport {
 public:
  virtual ~Transport() = default;

  /// Takes over the message and sends it as soon as it can. In order for each peer. To a peer that
  /// is unknown or forgotten: dropped.
  virtual void send(Address to, std::string message) = 0;

  /// The next message that has arrived, in order for each peer; none when there is none.
  virtual std::optional<Incoming> receive() = 0;

  /// Bytes taken by send() and not yet out of this process's hands, for one peer or for all.
  [[nodiscard]] virtual std::size_t num_unsent_bytes(std::optional<Address> to) const = 0;

  /// Whether messages are on their way in: they move only while receive() is called.
  [[nodiscard]] virtual bool is_receiving() const = 0;

  /// Nothing more is sent to or taken from this peer.
  virtual void forget(Address peer) = 0;
};

}  // namespace drover::transport
