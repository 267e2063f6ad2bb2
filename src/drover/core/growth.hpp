// When a farm grows by itself: to replace what was lost on the master's host, and to work off a backlog.
//
// One request at a time: what was asked for has come, or will not come, before more is asked for.
// Pure, not thread-safe. Not part of a run's record: a master that starts anew has lost nothing yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "drover/core/policy.hpp"

namespace drover::core {

/// More workers that are wanted, and why.
struct Wanted {
  std::uint32_t population = 0;
  std::string reason;
};

class Growth {
 public:
  explicit Growth(ScalePolicy policy) : policy_(std::move(policy)) {}

  /// A worker of the master's host was lost and may be replaced.
  void on_local_loss(Time now);
  /// Nothing more is to be asked for: the master's host gets no more work.
  void give_up();
  /// Some worker succeeded: losses before are forgiven.
  void on_success() { num_losses_in_a_row_ = 0; }

  /// What to ask for now, with `backlog` tasks waiting and `num_workers` workers there or announced;
  /// none while an earlier request is unanswered.
  [[nodiscard]] std::optional<Wanted> due(std::uint64_t backlog, std::uint64_t num_workers, Time now) const;

  void on_requested(const Wanted& wanted, Time now);
  /// A group came, whoever had asked for it.
  void on_formed(Time now);
  void on_failed(Time now);

  /// Whether a request is unanswered for too long: it counts as failed.
  [[nodiscard]] bool is_overdue(Time now) const { return is_waiting_ && now >= answer_by_; }

  /// Whether workers have been asked for, or will be without anything else happening.
  [[nodiscard]] bool is_under_way() const { return is_waiting_ || num_to_replace_ > 0; }

  /// When due() or is_overdue() may have something that they did not have before.
  [[nodiscard]] std::optional<Time> next_deadline(std::uint64_t backlog, std::uint64_t num_workers) const;

 private:
  [[nodiscard]] bool is_backlogged(std::uint64_t backlog, std::uint64_t num_workers) const;

  ScalePolicy policy_;
  bool has_given_up_ = false;
  bool is_waiting_ = false;
  std::uint32_t num_to_replace_ = 0;
  std::uint32_t num_being_replaced_ = 0;  ///< part of the unanswered request
  std::uint32_t num_replaced_ = 0;
  std::uint32_t num_losses_in_a_row_ = 0;
  std::uint32_t num_failures_in_a_row_ = 0;
  Time replace_at_{};
  Time grow_at_{};
  Time answer_by_{};
};

}  // namespace drover::core
