#include "drover/runtime/call_outlet.hpp"

#include <algorithm>

namespace drover::runtime {

namespace {

constexpr std::uint64_t kMostCallsInMessage = 1024;

}  // namespace

bool CallOutlet::push() {
  bool was_active = false;
  while (true) {
    const std::uint64_t most = std::min(wire::kCallWindow - num_unacknowledged_, kMostCallsInMessage);
    if (most == 0) break;
    wire::Submit submit;
    for (CallBoard::Submitted& call : board_.take_submitted(most))
      submit.calls.push_back({call.number, std::move(call.spec)});
    if (submit.calls.empty()) break;
    num_unacknowledged_ += submit.calls.size();
    send_(submit);
    was_active = true;
  }
  const wire::Withdraw withdraw{board_.take_cancelled()};
  if (!withdraw.calls.empty()) send_(withdraw);
  const std::vector<wire::Fetch> wanted = board_.shelf().take_wanted();
  for (const wire::Fetch& fetch : wanted) send_(fetch);
  const std::vector<wire::Progress> told = board_.take_told();
  for (const wire::Progress& progress : told) send_(progress);
  return was_active || !withdraw.calls.empty() || !wanted.empty() || !told.empty();
}

void CallOutlet::acknowledge(const wire::SubmitAck& ack) {
  num_unacknowledged_ -= std::min(num_unacknowledged_, ack.num_calls);
}

}  // namespace drover::runtime
