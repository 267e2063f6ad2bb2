#include "drover/transport/send_lane.hpp"

#include <algorithm>
#include <utility>

namespace drover::transport {

namespace {

constexpr std::size_t kMostRequests = 8;

}  // namespace

void SendLane::add(std::string message) {
  if (is_broken_) return;
  num_unsent_bytes_ += message.size();
  messages_.emplace_back().bytes = std::move(message);
}

void SendLane::add_ahead(std::string message) {
  if (is_broken_) return;
  num_unsent_bytes_ += message.size();
  ahead_.emplace_back().bytes = std::move(message);
}

int SendLane::push(const Line& line) {
  if (is_broken_) return MPI_SUCCESS;
  int code = settle(ahead_);
  if (code == MPI_SUCCESS) code = settle(messages_);
  for (Outgoing& message : ahead_) {
    if (message.num_handed_over > 0 || code != MPI_SUCCESS) continue;
    message.num_handed_over = message.bytes.size();
    code = start(line, kAheadTag, message, message.bytes.data(), message.bytes.size());
  }
  while (code == MPI_SUCCESS && num_started_ < messages_.size() && num_requests_ < kMostRequests)
    code = start_next(line);
  is_broken_ = code != MPI_SUCCESS;
  return code;
}

/// Requests of a message end in the order in which they began, or are taken for it.
int SendLane::settle(std::deque<Outgoing>& messages) {
  while (!messages.empty()) {
    Outgoing& message = messages.front();
    while (!message.pieces.empty()) {
      Piece& piece = message.pieces.front();
      int done = 0;
      const int code = MPI_Test(&piece.request, &done, MPI_STATUS_IGNORE);
      if (code != MPI_SUCCESS) return code;
      if (done == 0) return MPI_SUCCESS;
      --num_requests_;
      num_unsent_bytes_ -= piece.size;
      if (piece.size > kMovesAtOnce) {
        --num_large_under_way_;
        ++num_large_sent_;
      }
      message.pieces.pop_front();
    }
    if (message.num_handed_over < message.bytes.size()) return MPI_SUCCESS;
    if (&messages == &messages_) --num_started_;
    messages.pop_front();
  }
  return MPI_SUCCESS;
}

/// One more piece of the first message that is not handed over whole.
int SendLane::start_next(const Line& line) {
  Outgoing& message = messages_[num_started_];
  const std::size_t size = message.bytes.size();
  if (size > kPieceBytes && !std::exchange(message.is_announced, true)) {
    message.announcement = size;
    return start(line, kAnnouncementTag, message, &message.announcement, sizeof message.announcement);
  }
  const std::size_t begin = message.num_handed_over;
  const std::size_t num = std::min(size - begin, kPieceBytes);
  message.num_handed_over += num;
  if (message.num_handed_over == size) ++num_started_;
  return start(line, size > kPieceBytes ? kPieceTag : kWholeTag, message, message.bytes.data() + begin, num);
}

int SendLane::start(const Line& line, Tag tag, Outgoing& message, const void* bytes, std::size_t size) {
  MPI_Request request = MPI_REQUEST_NULL;
  const auto count = static_cast<int>(size);  // at most kPieceBytes
  const int code = line.is_synchronous ? MPI_Issend(bytes, count, MPI_BYTE, line.rank, tag, line.comm, &request)
                                       : MPI_Isend(bytes, count, MPI_BYTE, line.rank, tag, line.comm, &request);
  if (code != MPI_SUCCESS) return code;
  const std::size_t num_counted = tag == kAnnouncementTag ? 0 : size;
  message.pieces.push_back({request, num_counted});
  ++num_requests_;
  if (num_counted > kMovesAtOnce) ++num_large_under_way_;
  return MPI_SUCCESS;
}

}  // namespace drover::transport
