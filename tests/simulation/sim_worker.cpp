#include "sim_worker.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "payload.hpp"
#include "support/describe.hpp"

namespace drover::simulation {

using core::Time;
using test::text;
namespace worker_event = core::worker_event;

SimWorker::SimWorker(Stage& stage, core::WorkerId id, core::GroupId group, const PlannedWorker& plan)
    : stage_(stage),
      id_(id),
      group_(group),
      plan_(plan),
      process_(stage.reality.process(id)),
      alarm_(stage.timeline, [this] { turn(); }),
      born_(stage.now()) {
  stage_.network.attach_worker(id, [this](ToWorker message) { receive(std::move(message)); });
}

void SimWorker::start() {
  // One that dies young may do so before it says anything.
  if (plan_.is_stillborn && stage_.random.chance(0.5)) return die();
  stage_.network.to_master(id_, message::Hello{host_name(plan_.host), plan_.num_slots});
  if (plan_.is_stillborn) return die();
  set_alarm();
}

// --- fate -------------------------------------------------------------------------------------

void SimWorker::die() {
  if (!is_alive()) return;
  stage_.trace.note("worker ", id_, " dies");
  for (const auto& [attempt, running] : running_) stage_.reality.execution(attempt).died_with_worker = true;
  end(Process::State::dead);
  stage_.network.close(id_, stage_.plan.loses_last_words);
  if (stage_.plan.tells_of_deaths && !is_cut()) stage_.network.tell_of(id_, "died");
}

void SimWorker::freeze(core::Duration length) {
  if (!is_alive()) return;
  stage_.trace.note("worker ", id_, " freezes");
  process_.frozen_until = std::max(process_.frozen_until, stage_.now() + length);
}

void SimWorker::cut() {
  if (!is_alive()) return;
  stage_.trace.note("worker ", id_, " is cut off");
  worked_until_ = worked_until();
  process_.is_cut = true;
  stage_.network.close(id_, true);
}

void SimWorker::end(Process::State how) {
  worked_until_ = worked_until();
  process_.state = how;
  process_.ended = stage_.now();
  running_.clear();
  inbox_.clear();
}

// --- a turn, as the worker loop has it --------------------------------------------------------

void SimWorker::receive(ToWorker message) {
  if (!is_alive()) return;
  inbox_.push_back(std::move(message));
  alarm_.set(stage_.now() + stage_.latency());
}

void SimWorker::turn() {
  if (!is_alive()) return;
  if (stage_.now() < process_.frozen_until) return alarm_.set(process_.frozen_until);
  while (!inbox_.empty() && is_alive()) {
    ToWorker message = std::move(inbox_.front());
    inbox_.pop_front();
    std::visit([this](auto& m) { take(m); }, message);
  }
  poll_attempts();
  if (machine_ && is_alive()) handle(worker_event::Ticked{});
  if (!machine_ && is_alive() && stage_.now() - born_ >= stage_.plan.patience) end(Process::State::abandoned);
  if (!is_alive()) return;
  if (machine_) require(machine_->next_deadline() > stage_.now(), "a worker wants to be called without end");
  set_alarm();
}

void SimWorker::set_alarm() {
  Time next = machine_ ? machine_->next_deadline() : born_ + stage_.plan.patience;
  for (const auto& [attempt, running] : running_) next = std::min(next, running.ends);
  alarm_.set(next + stage_.latency());
}

void SimWorker::take(const core::command::Welcome&) {
  core::WorkerPolicy policy;
  policy.num_slots = plan_.num_slots;
  policy.heartbeat = stage_.plan.heartbeat;
  policy.master_lease = stage_.plan.master_lease;
  machine_.emplace(policy, stage_.now());
}

void SimWorker::take(core::command::SendTicket& message) {
  require(machine_.has_value(), "a ticket came before the welcome");
  handle(worker_event::TicketArrived{std::move(message.assignments)});
}

void SimWorker::take(const core::command::Recall& message) {
  handle(worker_event::RecallArrived{message.attempts});
}

void SimWorker::take(const core::command::Kill& message) {
  handle(worker_event::KillArrived{message.attempts});
  require_ending(message.attempts);
}

void SimWorker::take(const core::command::Drain& message) {
  take_drain(message.now);
}

void SimWorker::take(const core::command::Fence&) {
  take_drain(true);
}

void SimWorker::take_drain(bool now) {
  if (machine_)
    handle(worker_event::DrainArrived{now});
  else
    perform(core::worker_command::Leave{});
  if (!now) return;
  for (const auto& [attempt, running] : running_) require_ending({attempt});
}

/// Those of `attempts` that execute are about to end.
void SimWorker::require_ending(const std::vector<core::AttemptId>& attempts) const {
  for (const core::AttemptId attempt : attempts) {
    const auto found = running_.find(attempt);
    require(found == running_.end() || found->second.ends <= stage_.now() + stage_.plan.longest_delay,
            "an attempt that is to be killed goes on");
  }
}

void SimWorker::take(const message::Ping&) {
  if (machine_) handle(worker_event::MasterHeard{});
}

void SimWorker::poll_attempts() {
  std::vector<std::pair<Time, core::AttemptId>> ended;
  for (const auto& [attempt, running] : running_)
    if (running.ends <= stage_.now() && !running.kills_worker) ended.emplace_back(running.ends, attempt);
  std::sort(ended.begin(), ended.end());
  for (const auto& [time, attempt] : ended) {
    const auto found = running_.find(attempt);
    core::AttemptResult result;
    result.attempt = attempt;
    result.outcome = found->second.outcome;
    result.runtime = found->second.ends - found->second.started;
    stage_.reality.execution(attempt).outcome = result.outcome;
    worked_until_ = worked_until();
    running_.erase(found);
    handle(worker_event::AttemptEnded{std::move(result)});
  }
}

// --- what follows -----------------------------------------------------------------------------

void SimWorker::handle(const core::WorkerEvent& event) {
  for (core::WorkerCommand& command : machine_->handle(event, stage_.now()))
    if (is_alive()) std::visit([this](auto& c) { perform(c); }, command);
  const std::string broken = machine_->check_invariants();
  require(broken.empty(), [&] { return "worker machine: " + broken; });
}

void SimWorker::perform(core::worker_command::Report& command) {
  stage_.network.to_master(id_, std::move(command));
}

void SimWorker::perform(const core::worker_command::Start& command) {
  const core::AttemptId attempt = command.assignment.attempt;
  stage_.trace.note("worker ", id_, " starts ", text(attempt));
  stage_.reality.on_start(attempt, id_, stage_.now());
  const Running running = draw_running(command.assignment.spec);
  require(running_.emplace(attempt, running).second, "an attempt was started twice");
  require(running_.size() <= plan_.num_slots, "a worker executes more than it has slots");
  if (running.kills_worker)
    stage_.timeline.at(running.ends, [this, attempt] {
      const auto found = running_.find(attempt);
      if (found != running_.end() && found->second.kills_worker) die();
    });
}

SimWorker::Running SimWorker::draw_running(const core::TaskSpec& spec) {
  Random& random = stage_.random;
  const core::Duration longest = stage_.plan.runtime.longest();
  const core::Duration runtime = std::min(scaled(stage_.plan.runtime.draw(random), plan_.slowness), longest);
  const Time now = stage_.now();
  switch (behaviour_of(spec)) {
    case Behaviour::succeeds:
      return {now, now + runtime, core::Exited{0}, false};
    case Behaviour::fails:
      return {now, now + runtime, core::Exited{1}, false};
    case Behaviour::is_flaky:
      if (random.chance(0.5)) return {now, now + runtime, core::Signaled{SIGSEGV}, false};
      return {now, now + runtime, core::Exited{0}, false};
    case Behaviour::times_out:
      return {now, now + runtime, core::TimedOut{SIGTERM}, false};
    case Behaviour::cannot_start:
      return {now, now, core::NotStarted{ENOENT, "no such command"}, false};
    case Behaviour::kills_worker:
      return {now, now + runtime, {}, true};
  }
  throw Violation("a payload was changed on its way");
}

void SimWorker::perform(const core::worker_command::Stop& command) {
  const auto found = running_.find(command.attempt);
  if (found == running_.end() || found->second.ends <= stage_.now()) return;
  Running& running = found->second;
  running.ends = std::min(running.ends, stage_.now() + stage_.random.between({}, stage_.plan.longest_delay));
  running.outcome = core::Killed{};
  running.kills_worker = false;
}

void SimWorker::perform(const core::worker_command::Leave&) {
  stage_.trace.note("worker ", id_, " leaves");
  require(running_.empty(), "a worker left what it executes");
  stage_.network.to_master(id_, message::Goodbye{});
  end(Process::State::left);
  if (stage_.plan.tells_of_deaths && !is_cut() && stage_.random.chance(0.5)) stage_.network.tell_of(id_, "gone");
}

void SimWorker::perform(const core::worker_command::Abandon&) {
  stage_.trace.note("worker ", id_, " abandons its master");
  end(Process::State::abandoned);
  if (stage_.plan.tells_of_deaths && !is_cut()) stage_.network.tell_of(id_, "gone");
}

}  // namespace drover::simulation
