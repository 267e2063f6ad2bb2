#include "drover/cli/progress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "drover/support/duration.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kRedraw = 200ms;
/// The rate is that of the last so many seconds.
constexpr core::Duration kRateWindow = 10s;

std::string rate_text(double per_second) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), per_second < 10 ? "%.1f/s" : "%.0f/s", per_second);
  return text.data();
}

/// Whole seconds: it is an estimate.
std::string eta_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::min(seconds, 1e9)));
  return whole < 60 ? std::to_string(whole) + "s" : support::format_duration(std::chrono::seconds(whole));
}

}  // namespace

void Progress::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  is_input_ended_ = is_input_ended_ || std::any_of(facts.begin(), facts.end(), [](const core::Fact& fact) {
                      return std::holds_alternative<core::fact::InputEnded>(fact);
                    });
}

void Progress::on_turn(const core::Scheduler& scheduler, core::Time now) {
  if (!line_.is_terminal() || now - drawn_ < kRedraw) return;
  drawn_ = now;
  line_.set(text(scheduler, now));
}

std::string Progress::text(const core::Scheduler& scheduler, core::Time now) {
  const core::Counts counts = scheduler.counts();
  ended_.emplace_back(now, counts.ended());
  while (ended_.size() > 2 && now - ended_.front().first > kRateWindow) ended_.pop_front();
  const double window = std::chrono::duration<double>(now - ended_.front().first).count();
  const double rate = window > 0 ? static_cast<double>(counts.ended() - ended_.front().second) / window : 0;

  // The most important first: what does not fit on the line is cut off.
  std::string text;
  if (scheduler.phase() == core::Scheduler::Phase::stopping) text += "stopping (Ctrl-C again ends what runs): ";
  if (scheduler.num_workers() == 0) text += "waiting for workers: ";
  text += std::to_string(counts.succeeded) + " done, " + std::to_string(counts.unsuccessful()) + " failed, " +
          std::to_string(counts.executing) + " running, " + std::to_string(counts.unfinished() - counts.executing) +
          (is_input_ended_ ? "" : "+") + " queued | " + rate_text(rate) + " | " +
          std::to_string(scheduler.num_busy_workers()) + "/" + std::to_string(scheduler.num_workers()) + " busy | " +
          support::format_duration(now - started_);
  // How long it will take is only known once all of it is.
  if (is_input_ended_ && rate > 0) text += ", ETA " + eta_text(static_cast<double>(counts.unfinished()) / rate);
  return text;
}

}  // namespace drover::cli
