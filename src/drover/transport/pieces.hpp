// The form in which messages travel through MPI. Internal to the transport.
//
// A message of at most kPieceBytes is one MPI message. A larger one is announced by its size and follows in pieces,
// in order: no count is near the limits of MPI's `int`, what is under way between two processes is bounded, and
// others may go in between. What goes ahead has a tag of its own, and is complete in itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::transport {

enum Tag : int {
  kWholeTag = 1,
  kAnnouncementTag,  ///< an Announcement: pieces follow
  kPieceTag,
  kAheadTag,
  kNeverSentTag,
};

/// The size of the message that follows.
using Announcement = std::uint64_t;

inline constexpr std::size_t kPieceBytes = 1U << 20;

/// What is no larger leaves and arrives at once; the rest moves only while both sides call MPI.
inline constexpr std::size_t kMovesAtOnce = 4096;

}  // namespace drover::transport
