#include "drover/core/growth.hpp"

#include <algorithm>

#include "drover/support/duration.hpp"

namespace drover::core {

namespace {

/// Pauses stop doubling here.
constexpr std::uint32_t kMostDoublings = 6;

Duration doubled(Duration pause, std::uint32_t num) {
  return support::bounded(support::times(pause, std::uint64_t{1} << std::min(num, kMostDoublings)));
}

}  // namespace

void Growth::give_up() {
  has_given_up_ = true;
  num_to_replace_ = 0;
  num_being_replaced_ = 0;
}

void Growth::on_local_loss(Time now) {
  if (has_given_up_ || num_replaced_ + num_to_replace_ >= policy_.max_respawns) return;
  ++num_to_replace_;
  replace_at_ = std::max(replace_at_, now + doubled(policy_.respawn_delay, num_losses_in_a_row_));
  ++num_losses_in_a_row_;
}

bool Growth::is_backlogged(std::uint64_t backlog, std::uint64_t num_workers) const {
  return !has_given_up_ && backlog >= std::max<std::uint64_t>(policy_.backlog, 1) && num_workers < policy_.max_workers;
}

std::optional<Wanted> Growth::due(std::uint64_t backlog, std::uint64_t num_workers, Time now) const {
  if (is_waiting_) return std::nullopt;
  if (num_to_replace_ > 0 && now >= replace_at_) return Wanted{num_to_replace_, "to replace lost workers"};
  if (!is_backlogged(backlog, num_workers) || now < grow_at_) return std::nullopt;
  const std::uint64_t wanted = (backlog + policy_.backlog - 1) / std::max<std::uint64_t>(policy_.backlog, 1);
  const std::uint64_t population = std::min(wanted, policy_.max_workers - num_workers);
  return Wanted{static_cast<std::uint32_t>(population), "for a backlog of " + std::to_string(backlog) + " tasks"};
}

void Growth::on_requested(const Wanted& wanted, Time now) {
  is_waiting_ = true;
  grow_at_ = now + policy_.cool_down;
  answer_by_ = now + policy_.answer_wait;
  num_being_replaced_ = std::min(wanted.population, num_to_replace_);
  num_replaced_ += num_being_replaced_;
  num_to_replace_ -= num_being_replaced_;
}

void Growth::on_formed(Time now) {
  is_waiting_ = false;
  num_being_replaced_ = 0;
  num_failures_in_a_row_ = 0;
  grow_at_ = now + policy_.cool_down;
}

void Growth::on_failed(Time now) {
  is_waiting_ = false;
  // Tried again, at the cost of another of the replacements that are allowed.
  num_to_replace_ += std::min(num_being_replaced_, policy_.max_respawns - num_replaced_ - num_to_replace_);
  num_being_replaced_ = 0;
  replace_at_ = now + doubled(policy_.respawn_delay, num_failures_in_a_row_);
  grow_at_ = now + doubled(policy_.cool_down, num_failures_in_a_row_++);
}

std::optional<Time> Growth::next_deadline(std::uint64_t backlog, std::uint64_t num_workers) const {
  if (is_waiting_) return answer_by_;
  if (num_to_replace_ > 0) return replace_at_;
  if (is_backlogged(backlog, num_workers)) return grow_at_;
  return std::nullopt;
}

}  // namespace drover::core
