#include "drover/runtime/waiter.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// A look costs a few microseconds: below this, looking would cost more than it gains.
constexpr core::Duration kShortestPause = 50us;
constexpr core::Duration kLongestPause = 40ms;
/// Traffic that has not moved for so long may be with a peer that is dead, or has no core to run on.
constexpr core::Duration kLongestPoll = 2ms;
/// The pause is this part of the silence.
constexpr core::Duration::rep kSilenceParts = 8;

}  // namespace

Waiter::Waiter(core::Time now) : last_activity_(now) {
  // The kernel may otherwise add 50 us to every sleep.
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

void Waiter::wait(const std::vector<int>& fds, core::Time now, core::Time deadline, const transport::Traffic& traffic,
                  core::Duration slack) {
  if (std::exchange(num_pieces_, traffic.num_pieces) != traffic.num_pieces) note_activity(now);
  if (traffic.is_under_way && now - last_activity_ < kLongestPoll) {
    ::sched_yield();
    deadline = now;
  }
  if (traffic.is_under_way) slack = {};
  const core::Duration shortest = std::clamp(slack, kShortestPause, kLongestPause);
  const core::Duration until_look = std::clamp((now - last_activity_) / kSilenceParts, shortest, kLongestPause);
  const core::Duration pause = std::clamp(deadline - now, core::Duration::zero(), until_look);
  polled_.clear();
  for (const int fd : fds)
    if (fd >= 0) polled_.push_back({fd, POLLIN, 0});
  const timespec timeout{0, static_cast<long>(pause.count())};
  ::ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
}

}  // namespace drover::runtime
