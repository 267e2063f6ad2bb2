// A scheduler, a clock and everything it says, in words: a test tells it what happens and compares
// all that it answers, so that anything else it does is noticed too.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "drover/core/scheduler.hpp"
#include "support/catch.hpp"
#include "support/describe.hpp"

namespace drover::test {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

inline core::AttemptId attempt(std::uint64_t task, std::uint32_t n) {
  return {core::TaskId(task), n};
}

inline core::AttemptResult result(core::AttemptId attempt, core::Outcome outcome, core::Duration runtime = 1s) {
  core::AttemptResult result;
  result.attempt = attempt;
  result.outcome = std::move(outcome);
  result.runtime = runtime;
  return result;
}

/// One slot, one attempt; one retry after a second.
inline core::Policy strict_policy() {
  core::Policy policy;
  policy.credit.fixed_per_slot = 0;
  policy.retry.max_retries = 1;
  return policy;
}

class Farm {
 public:
  explicit Farm(core::Policy policy = strict_policy()) : scheduler_(std::move(policy)) {}

  /// What it decided, then what is to be done about it.
  struct Answer {
    Lines facts;
    Lines commands;
  };

  Answer handle(const core::Event& event) {
    const core::Outbox outbox = scheduler_.handle(event, now_);
    Answer answer;
    for (const core::Fact& fact : outbox.facts) answer.facts.push_back(text(fact));
    for (const core::Command& command : outbox.commands) answer.commands.push_back(text(command));
    REQUIRE(scheduler_.check_invariants().empty());
    return answer;
  }

  void pass(core::Duration time) { now_ += time; }
  Answer tick() { return handle(core::event::Ticked{}); }
  /// Lets `time` pass and ticks.
  Answer tick_after(core::Duration time) {
    pass(time);
    return tick();
  }

  Answer submit(std::uint64_t num_tasks, std::uint32_t owner = 0) {
    core::event::TasksSubmitted event{core::OwnerId(owner), {}};
    for (; num_tasks > 0; --num_tasks) event.tasks.push_back({core::TaskKind::command, "true", {}, {}});
    return handle(event);
  }
  Answer end_input() { return handle(core::event::InputEnded{}); }

  Answer form_group(std::uint32_t population, core::GroupSource source = core::GroupSource::world) {
    return handle(core::event::GroupFormed{source, population, ""});
  }
  Answer announce(std::uint32_t worker, std::uint32_t num_slots = 1, std::string host = "host1") {
    return handle(core::event::WorkerAnnounced{core::WorkerId(worker), std::move(host), 100, num_slots});
  }
  /// A group of `num` workers with a slot each, which are there at once.
  void add_workers(std::uint32_t num, core::GroupSource source = core::GroupSource::world) {
    const std::uint32_t first = scheduler_.next_worker().value;
    form_group(num, source);
    for (std::uint32_t i = 0; i < num; ++i) announce(first + i);
  }

  Answer report(std::uint32_t worker, std::vector<core::AttemptId> started, std::vector<core::AttemptResult> ended = {},
                std::vector<core::AttemptId> handed_back = {}) {
    return handle(core::event::WorkerReported{core::WorkerId(worker), std::move(started), std::move(ended),
                                              std::move(handed_back)});
  }
  Answer start(std::uint32_t worker, core::AttemptId attempt) { return report(worker, {attempt}); }
  Answer end(std::uint32_t worker, core::AttemptId attempt, core::Outcome outcome) {
    return report(worker, {}, {result(attempt, std::move(outcome))});
  }
  Answer succeed(std::uint32_t worker, core::AttemptId attempt) { return end(worker, attempt, core::Exited{0}); }
  Answer beat(std::uint32_t worker) { return report(worker, {}); }
  Answer leave(std::uint32_t worker) { return handle(core::event::WorkerLeft{core::WorkerId(worker)}); }
  Answer fail(std::uint32_t worker) { return handle(core::event::WorkerFailed{core::WorkerId(worker), "died"}); }
  Answer stop(bool kill) { return handle(core::event::StopRequested{core::StopReason::requested, kill, {}}); }

  [[nodiscard]] core::Time now() const { return now_; }
  [[nodiscard]] const core::Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] core::Scheduler::Phase phase() const { return scheduler_.phase(); }

 private:
  core::Scheduler scheduler_;
  core::Time now_{};
};

}  // namespace drover::test
