#include "drover/transport/receive_lane.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "drover/support/error.hpp"
#include "drover/transport/mpi_error.hpp"

namespace drover::transport {

namespace {

constexpr std::size_t kMostBytesArriving = 64U << 20;

}  // namespace

bool Admission::admit(std::size_t size) {
  const bool has_room = num_bytes_ == 0 || num_bytes_ + size <= kMostBytesArriving;
  is_full_ = is_full_ || (size > kMovesAtOnce && !has_room);
  if (size > kMovesAtOnce && is_full_) return false;
  num_bytes_ += size;
  return true;
}

void ReceiveLane::take(Matched matched) {
  if (is_closed_) return;
  switch (matched.tag) {
    case kAnnouncementTag: {
      Arriving& arriving = messages_.emplace_back();
      Piece& piece = arriving.announcing.emplace();
      check_mpi(
          MPI_Imrecv(&arriving.announcement, sizeof arriving.announcement, MPI_BYTE, &matched.message, &piece.request),
          "MPI_Imrecv");
      ++num_requests_;
      return;
    }
    case kPieceTag:
      if (messages_.empty()) throw Error("a piece of a message came, and no word of its size");
      return messages_.back().held.push_back(matched);
    default: {
      Arriving& arriving = (matched.tag == kAheadTag ? ahead_ : messages_).emplace_back();
      arriving.announcement = matched.size;
      return arriving.held.push_back(matched);
    }
  }
}

void ReceiveLane::advance(Admission& admission) {
  if (is_closed_) return;
  for (Arriving& arriving : ahead_) advance(arriving, admission);
  for (Arriving& arriving : messages_) {
    advance(arriving, admission);
    if (!arriving.is_admitted) return;  // what comes behind would only take its place
  }
}

void ReceiveLane::advance(Arriving& arriving, Admission& admission) {
  if (arriving.announcing) {
    if (!settle(*arriving.announcing)) return;
    arriving.announcing.reset();
  }
  if (!arriving.is_admitted) {
    if (!admission.admit(arriving.announcement)) return;
    arriving.is_admitted = true;
    arriving.bytes = support::Buffer(arriving.announcement);
  }
  for (; !arriving.held.empty(); arriving.held.pop_front()) receive(arriving, arriving.held.front());
  while (!arriving.pieces.empty() && settle(arriving.pieces.front())) {
    arriving.num_completed += arriving.pieces.front().size;
    arriving.pieces.pop_front();
  }
}

void ReceiveLane::receive(Arriving& arriving, Matched& matched) {
  if (matched.size > arriving.bytes.size() - arriving.num_begun)
    throw Error("a message is larger than the " + std::to_string(arriving.bytes.size()) +
                " bytes it was announced with");
  Piece piece{MPI_REQUEST_NULL, matched.size};
  check_mpi(MPI_Imrecv(arriving.bytes.data() + arriving.num_begun, static_cast<int>(matched.size), MPI_BYTE,
                       &matched.message, &piece.request),
            "MPI_Imrecv");
  arriving.num_begun += matched.size;
  ++num_requests_;
  if (piece.size > kMovesAtOnce) ++num_large_under_way_;
  arriving.pieces.push_back(piece);
}

/// Whether it has come.
bool ReceiveLane::settle(Piece& piece) {
  int done = 0;
  check_mpi(MPI_Test(&piece.request, &done, MPI_STATUS_IGNORE), "receiving");
  if (done == 0) return false;
  --num_requests_;
  if (piece.size > kMovesAtOnce) {
    --num_large_under_way_;
    ++num_large_received_;
  }
  return true;
}

bool ReceiveLane::is_whole(const Arriving& arriving) {
  return arriving.is_admitted && arriving.num_completed == arriving.bytes.size();
}

bool ReceiveLane::is_waiting() const {
  if (!is_active()) return false;
  return std::any_of(messages_.begin(), messages_.end(),
                     [](const Arriving& arriving) { return !arriving.announcing && !arriving.is_admitted; });
}

std::optional<support::Buffer> ReceiveLane::next(Admission& admission) {
  if (is_closed_) return std::nullopt;
  if (!ahead_.empty() && is_whole(ahead_.front())) return release(ahead_, admission);
  if (!messages_.empty() && is_whole(messages_.front())) return release(messages_, admission);
  return std::nullopt;
}

support::Buffer ReceiveLane::release(std::deque<Arriving>& from, Admission& admission) {
  support::Buffer bytes = std::move(from.front().bytes);
  from.pop_front();
  admission.release(bytes.size());
  return bytes;
}

void ReceiveLane::close(Admission& admission) {
  if (std::exchange(is_closed_, true)) return;
  for (std::deque<Arriving>* arrivals : {&ahead_, &messages_})
    for (const Arriving& arriving : *arrivals)
      if (arriving.is_admitted) admission.release(arriving.bytes.size());
}

}  // namespace drover::transport
