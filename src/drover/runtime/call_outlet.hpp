// The way of what functions ask for to where it is done: the tasks that they make, what they withdraw, the values
// that they want; and of what they say of their progress. From a worker to the master, and from the process of a
// function to its worker.
#pragma once

#include <cstdint>
#include <functional>

#include "drover/runtime/call_board.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

/// For one thread at a time. There are never more tasks on their way than the other side has said that it has room
/// for: those who submit more wait at the board.
class CallOutlet {
 public:
  using Send = std::function<void(const wire::Message& message)>;

  /// The board outlives it.
  CallOutlet(CallBoard& board, Send send) : board_(board), send_(std::move(send)) {}

  /// Sends what there is, tasks as far as there is room. Whether there was anything.
  bool push();

  /// The other side has room for so many more.
  void acknowledge(const wire::SubmitAck& ack);

  /// Readable when push() has something to do, besides values, for which the board's shelf has one of its own.
  /// -1: not before the next acknowledgement.
  [[nodiscard]] int fd() const { return num_unacknowledged_ < wire::kCallWindow ? board_.fd() : -1; }

 private:
  CallBoard& board_;
  Send send_;
  std::uint64_t num_unacknowledged_ = 0;
};

}  // namespace drover::runtime
