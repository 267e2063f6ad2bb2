// What goes from this process to one peer. Internal to the transport.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "drover/transport/pieces.hpp"

namespace drover::transport {

/// How a peer is reached.
struct Line {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  /// What has left our hands is in the peer's.
  bool is_synchronous = false;
};

/// Hands pieces to MPI, few at a time. Movable; MPI may read its buffers until has_requests() is false.
class SendLane {
 public:
  void add(std::string message);
  /// Goes before the next piece of what add() took.
  void add_ahead(std::string message);

  /// Takes note of what MPI is done with, and hands it more. Returns the first code that is not MPI_SUCCESS: nothing
  /// more is sent from then on.
  [[nodiscard]] int push(const Line& line);

  [[nodiscard]] std::size_t num_unsent_bytes() const { return num_unsent_bytes_; }
  [[nodiscard]] bool has_requests() const { return num_requests_ > 0; }
  /// Whether push() has something to do.
  [[nodiscard]] bool is_active() const { return has_requests() || num_started_ < messages_.size(); }
  [[nodiscard]] std::size_t num_large_under_way() const { return num_large_under_way_; }
  /// That are done with, ever.
  [[nodiscard]] std::uint64_t num_large_sent() const { return num_large_sent_; }

 private:
  struct Piece {
    MPI_Request request = MPI_REQUEST_NULL;
    std::size_t size = 0;
  };
  struct Outgoing {
    std::string bytes;
    Announcement announcement = 0;
    bool is_announced = false;
    std::size_t num_handed_over = 0;  ///< bytes
    std::deque<Piece> pieces;         ///< with MPI, in order
  };

  [[nodiscard]] int settle(std::deque<Outgoing>& messages);
  [[nodiscard]] int start_next(const Line& line);
  [[nodiscard]] int start(const Line& line, Tag tag, Outgoing& message, const void* bytes, std::size_t size);

  // Deques: MPI holds addresses into their elements.
  std::deque<Outgoing> ahead_;
  std::deque<Outgoing> messages_;
  std::size_t num_started_ = 0;  ///< of the messages: handed over whole, and not done with
  std::size_t num_requests_ = 0;
  std::size_t num_unsent_bytes_ = 0;
  std::size_t num_large_under_way_ = 0;
  std::uint64_t num_large_sent_ = 0;
  bool is_broken_ = false;
};

}  // namespace drover::transport
