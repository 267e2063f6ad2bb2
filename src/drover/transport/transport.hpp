// The port by which master and workers exchange messages. One thread uses it; nothing blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "drover/core/ids.hpp"
#include "drover/support/buffer.hpp"

namespace drover::transport {

/// A peer: the master for a worker, and a worker for the master.
using Address = core::WorkerId;
inline constexpr Address kMaster{};

struct Received {
  Address from;
  support::Buffer bytes;
};
/// The transport knows that a peer is gone. Many a death is never told: leases find those.
struct PeerLost {
  Address peer;
  std::string reason;
};
using Incoming = std::variant<Received, PeerLost>;

/// Of messages that are too large to leave or arrive at once: they move piece by piece, and only while receive()
/// is called.
struct Traffic {
  bool is_under_way = false;     ///< some piece, in or out
  std::uint64_t num_pieces = 0;  ///< that have gone out or come in so far
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// Takes over the message, which is not empty, and sends it as soon as it can. In order for each peer. To a peer that
  /// is unknown or forgotten: dropped.
  virtual void send(Address to, std::string message) = 0;

  /// The same, ahead of what send() has taken over and not yet sent, in the midst of a large message too: for signs
  /// of life, which are short.
  virtual void send_ahead(Address to, std::string message) = 0;

  /// The next message that has arrived, in order for each peer; none when there is none.
  virtual std::optional<Incoming> receive() = 0;

  /// Bytes taken by send() and not yet out of this process's hands, for one peer or for all.
  [[nodiscard]] virtual std::size_t num_unsent_bytes(std::optional<Address> to) const = 0;

  /// While something is under way and moves, receive() is to be called again without a pause.
  [[nodiscard]] virtual Traffic traffic() const = 0;

  /// Nothing more is sent to or taken from this peer.
  virtual void forget(Address peer) = 0;
};

}  // namespace drover::transport
