#include "drover/runtime/departure.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How far apart the same signal may reach a worker and its commands.
constexpr core::Duration kSpread = 250ms;
constexpr int kShellSignalBase = 128;

/// The signal that may have ended a process, directly or by way of a shell that says so; 0: none that a
/// worker and its commands get together. (A worker that is killed too does not get to say what ended.)
int signal_of(const core::Outcome& outcome) {
  int signal = 0;
  if (const auto* signaled = std::get_if<core::Signaled>(&outcome)) signal = signaled->signal;
  if (const auto* exited = std::get_if<core::Exited>(&outcome)) signal = exited->code - kShellSignalBase;
  return signal == SIGTERM || signal == SIGUSR1 || signal == SIGKILL ? signal : 0;
}

}  // namespace

/// Once told to terminate, a worker believes no failure any more: commands may answer the signal by one.
void Departure::take(core::AttemptResult result, core::Time now) {
  const int signal = signal_of(result.outcome);
  const bool is_leaving = signals_.contains(SIGTERM) && !core::is_success(result.outcome);
  if (is_leaving || (signal != 0 && has_come(signal, now))) {
    result.outcome = core::Killed{};
    certain_.push_back(std::move(result));
  } else if (signal != 0) {
    doubtful_.push_back({std::move(result), signal, now});
  } else {
    certain_.push_back(std::move(result));
  }
}

std::vector<core::AttemptResult> Departure::settle(core::Time now) {
  std::erase_if(doubtful_, [&](Doubtful& doubtful) {
    const bool is_killed = has_come(doubtful.signal, doubtful.since);
    if (!is_killed && now - doubtful.since < kSpread) return false;
    if (is_killed) doubtful.result.outcome = core::Killed{};
    certain_.push_back(std::move(doubtful.result));
    return true;
  });
  return std::exchange(certain_, {});
}

std::optional<core::Time> Departure::next_deadline() const {
  if (doubtful_.empty()) return std::nullopt;
  return doubtful_.front().since + kSpread;
}

bool Departure::has_come(int signal, core::Time ended) const {
  const auto found = signals_.find(signal);
  return found != signals_.end() && found->second >= ended - kSpread && found->second <= ended + kSpread;
}

}  // namespace drover::runtime
