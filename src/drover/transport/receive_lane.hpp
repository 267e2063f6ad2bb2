// What comes from one peer to this process. Internal to the transport.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "drover/support/buffer.hpp"
#include "drover/transport/pieces.hpp"

namespace drover::transport {

/// An MPI message that was taken off the matching queue, and is not being received yet.
struct Matched {
  MPI_Message message = MPI_MESSAGE_NULL;
  int source = 0;
  int tag = 0;
  std::size_t size = 0;
};

/// Memory for what is on its way in, over all peers: a message larger than all of it has it to itself. Once one has
/// to wait, no other goes before it until all peers have been asked anew.
class Admission {
 public:
  void begin_round() { is_full_ = false; }
  [[nodiscard]] bool admit(std::size_t size);
  void release(std::size_t size) { num_bytes_ -= size; }

 private:
  std::size_t num_bytes_ = 0;
  bool is_full_ = false;
};

/// Puts messages together and gives them out in the order in which they were sent; what went ahead, at once. What is
/// not admitted yet stays where it is, mostly with its sender. Movable; MPI may write to its buffers until
/// has_requests() is false.
class ReceiveLane {
 public:
  void take(Matched matched);

  /// Receives what is admitted, and takes note of what has come. Throws drover::Error: close it then.
  void advance(Admission& admission);

  /// The next message that is whole; none when there is none.
  [[nodiscard]] std::optional<support::Buffer> next(Admission& admission);

  /// Gives its memory back: nothing more is taken from it.
  void close(Admission& admission);

  [[nodiscard]] bool has_requests() const { return num_requests_ > 0; }
  /// Whether something is on its way.
  [[nodiscard]] bool is_active() const { return !is_closed_ && (!ahead_.empty() || !messages_.empty()); }
  /// Whether a message waits for its admission.
  [[nodiscard]] bool is_waiting() const;
  [[nodiscard]] std::size_t num_large_under_way() const { return num_large_under_way_; }
  /// That have come, ever.
  [[nodiscard]] std::uint64_t num_large_received() const { return num_large_received_; }

 private:
  struct Piece {
    MPI_Request request = MPI_REQUEST_NULL;
    std::size_t size = 0;
  };
  struct Arriving {
    Announcement announcement = 0;
    std::optional<Piece> announcing;  ///< until the size is known
    bool is_admitted = false;
    support::Buffer bytes;  ///< once it is admitted
    std::deque<Matched> held;
    std::deque<Piece> pieces;       ///< being received, in order
    std::size_t num_begun = 0;      ///< bytes
    std::size_t num_completed = 0;  ///< bytes
  };

  void advance(Arriving& arriving, Admission& admission);
  void receive(Arriving& arriving, Matched& matched);
  [[nodiscard]] bool settle(Piece& piece);
  [[nodiscard]] static bool is_whole(const Arriving& arriving);
  [[nodiscard]] static support::Buffer release(std::deque<Arriving>& from, Admission& admission);

  // Deques: MPI holds addresses into their elements.
  std::deque<Arriving> ahead_;
  std::deque<Arriving> messages_;
  std::size_t num_requests_ = 0;
  std::size_t num_large_under_way_ = 0;
  std::uint64_t num_large_received_ = 0;
  bool is_closed_ = false;
};

}  // namespace drover::transport
