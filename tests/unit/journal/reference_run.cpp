#include "unit/journal/reference_run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace drover::test {

using namespace core;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostWorkers = 4;

Policy policy() {
  Policy policy;
  policy.retry.max_retries = 2;
  policy.retry.first_delay = 5ms;
  policy.max_worker_kills = 3;
  policy.max_host_losses = 0;
  policy.worker_wait = 1h;
  return policy;
}

AttemptResult result_of(AttemptId attempt, Outcome outcome) {
  AttemptResult result;
  result.attempt = attempt;
  result.outcome = std::move(outcome);
  return result;
}

}  // namespace

ReferenceRun::ReferenceRun(std::uint64_t seed, const Options& options, Snapshot start)
    : random_(seed),
      options_(options),
      scheduler_(policy(), start),
      num_submitted_(start.totals.accepted),
      is_input_ended_(start.is_input_ended) {}

std::vector<Fact> ReferenceRun::step() {
  now_ += random_.between(Duration(10us), Duration(3ms));
  const std::uint64_t what = random_.between(std::uint64_t{0}, std::uint64_t{99});
  if (what < 20) {
    submit();
  } else if (workers_.empty() || (what < 23 && workers_.size() < kMostWorkers)) {
    add_worker();
  } else if (what < 25 && options_.is_rough && num_submitted_ > 0) {
    handle(event::CancelRequested{{TaskId(random_.between(std::uint64_t{1}, num_submitted_))}});
  } else if (!workers_.empty()) {
    play_worker();
  }
  handle(event::Ticked{});
  return std::exchange(facts_, {});
}

void ReferenceRun::handle(const Event& event) {
  Outbox outbox = scheduler_.handle(event, now_);
  facts_.insert(facts_.end(), std::move_iterator(outbox.facts.begin()), std::move_iterator(outbox.facts.end()));
  for (const Command& command : outbox.commands) perform(command);
}

void ReferenceRun::perform(const Command& command) {
  if (const auto* ticket = std::get_if<command::SendTicket>(&command)) {
    for (const Assignment& assignment : ticket->assignments)
      workers_[ticket->worker].held.push_back(assignment.attempt);
  } else if (const auto* recall = std::get_if<command::Recall>(&command)) {
    hand_back(recall->worker, recall->attempts, false);
  } else if (const auto* kill = std::get_if<command::Kill>(&command)) {
    hand_back(kill->worker, kill->attempts, true);
  } else if (const auto* drain = std::get_if<command::Drain>(&command)) {
    workers_[drain->worker].is_leaving = true;
  } else if (const auto* forget = std::get_if<command::Forget>(&command)) {
    workers_.erase(forget->worker);
  }
}

void ReferenceRun::hand_back(WorkerId id, const std::vector<AttemptId>& attempts, bool started_too) {
  PlayedWorker& worker = workers_[id];
  event::WorkerReported report{id, {}, {}, {}};
  for (const AttemptId attempt : attempts) {
    const auto found = std::find(worker.held.begin(), worker.held.end(), attempt);
    if (found == worker.held.end()) continue;
    if (worker.started.erase(attempt) == 0) {
      report.handed_back.push_back(attempt);
    } else if (started_too) {
      report.ended.push_back(result_of(attempt, Killed{}));
    } else {
      worker.started.insert(attempt);
      continue;
    }
    worker.held.erase(found);
  }
  handle(report);
}

void ReferenceRun::submit() {
  if (num_submitted_ >= options_.num_tasks) {
    if (!std::exchange(is_input_ended_, true)) handle(event::InputEnded{});
    return;
  }
  event::TasksSubmitted event{OwnerId(random_.chance(0.1) ? 3 : 0), {}};
  const std::uint64_t num =
      std::min(options_.num_tasks - num_submitted_, random_.between(std::uint64_t{1}, std::uint64_t{20}));
  for (std::uint64_t i = 0; i < num; ++i) {
    TaskSpec spec;
    spec.payload = "work on " + std::to_string(++num_submitted_) + std::string(random_.between(0U, 40U), 'x');
    if (random_.chance(0.1)) spec.slot_marks = {4, 8};
    if (random_.chance(0.5)) spec.tag = "tag" + std::to_string(num_submitted_);
    if (random_.chance(0.2)) {
      spec.kind = TaskKind::function;
      spec.slot_marks.clear();
      spec.priority = static_cast<std::uint8_t>(random_.between(std::uint64_t{0}, std::uint64_t{255}));
      spec.depth = static_cast<std::uint16_t>(random_.between(std::uint64_t{0}, std::uint64_t{3}));
      spec.timeout = 250us;
    }
    event.tasks.push_back(std::move(spec));
  }
  handle(event);
}

void ReferenceRun::add_worker() {
  const WorkerId id = scheduler_.next_worker();
  handle(event::GroupFormed{GroupSource::spawn, 1, ""});
  workers_[id];
  handle(event::WorkerAnnounced{id, "host" + std::to_string(id.value % 3), 4242, 2});
}

void ReferenceRun::play_worker() {
  const auto it = std::next(workers_.begin(), static_cast<std::ptrdiff_t>(random_.next() % workers_.size()));
  const WorkerId id = it->first;
  PlayedWorker& worker = it->second;
  if (options_.is_rough && random_.chance(0.02)) {
    lost_.push_back(id);
    handle(event::WorkerFailed{id, "lost it"});
  } else if (!lost_.empty() && random_.chance(0.05)) {
    handle(event::WorkerReported{lost_.back(), {}, {result_of({TaskId(1), 1}, Exited{0})}, {}});
  } else if (worker.started.size() < 2 && worker.started.size() < worker.held.size() && !worker.is_leaving) {
    const AttemptId next = worker.held[worker.started.size()];
    worker.started.insert(next);
    handle(event::WorkerReported{id, {next}, {}, {}});
  } else if (!worker.started.empty()) {
    report_end(id, worker);
  } else if (worker.is_leaving) {
    hand_back(id, {worker.held.begin(), worker.held.end()}, false);
    handle(event::WorkerLeft{id});
  } else if (options_.is_rough && random_.chance(0.02)) {
    handle(event::DrainRequested{{id}, false});
  }
}

void ReferenceRun::report_end(WorkerId id, PlayedWorker& worker) {
  AttemptResult result;
  result.attempt =
      *std::next(worker.started.begin(), static_cast<std::ptrdiff_t>(random_.next() % worker.started.size()));
  const std::uint64_t how = options_.is_rough ? random_.between(std::uint64_t{0}, std::uint64_t{9}) : 9;
  result.outcome = how == 0   ? Outcome(Exited{3})
                   : how == 1 ? Outcome(Signaled{11})
                   : how == 2 ? Outcome(TimedOut{15})
                   : how == 3 ? Outcome(NotStarted{2, "no such file"})
                   : how == 4 ? Outcome(Threw{"std::logic_error", "two\nlines"})
                              : Outcome(Exited{0});
  result.started_at = 1'700'000'000'000'000;
  result.runtime = random_.between(Duration(1us), Duration(50ms));
  result.stdout_bytes = random_.between(std::uint64_t{0}, std::uint64_t{100});
  if (how < 5) result.stderr_tail = "it went wrong";
  worker.started.erase(result.attempt);
  worker.held.erase(std::find(worker.held.begin(), worker.held.end(), result.attempt));
  handle(event::WorkerReported{id, {}, {result}, {}});
}

}  // namespace drover::test
