#include "sim_master.hpp"

#include <algorithm>

#include "payload.hpp"
#include "support/describe.hpp"

namespace drover::simulation {

using test::text;
namespace event = core::event;
namespace command = core::command;

namespace {

constexpr int kMostMessagesInTurn = 64;
constexpr std::size_t kMostTasksInPull = 64;
/// Of the records, how many are compared in whole: it takes long.
constexpr double kSnapshotShare = 0.05;

}  // namespace

SimMaster::SimMaster(Stage& stage, MindFactory make_mind, History& history, Surroundings& surroundings)
    : stage_(stage),
      make_mind_(std::move(make_mind)),
      mind_(make_mind_(stage.plan.policy, {})),
      replica_(std::make_unique<core::Scheduler>(stage.plan.policy)),
      history_(history),
      surroundings_(surroundings),
      alarm_(stage.timeline, [this] { turn(); }) {
  stage_.network.attach_master([this](core::WorkerId from, ToMaster message) { receive(from, std::move(message)); });
}

void SimMaster::ask(Request request) {
  requests_.push_back(std::move(request));
  alarm_.set(stage_.now() + stage_.latency());
}

void SimMaster::pause(core::Duration length, bool is_spoken_of) {
  stage_.trace.note("the master pauses");
  if (is_spoken_of) {
    pause_ahead_ = std::max(pause_ahead_, length);
    alarm_.set(stage_.now());
  } else {
    paused_until_ = std::max(paused_until_, stage_.now() + length);
  }
}

void SimMaster::crash(core::Duration downtime) {
  downtime_ = downtime;
  alarm_.set(stage_.now());
}

// --- a turn, as the master loop has it --------------------------------------------------------

void SimMaster::receive(core::WorkerId from, ToMaster message) {
  if (is_closed()) return;
  inbox_.emplace_back(from, std::move(message));
  alarm_.set(stage_.now() + stage_.latency());
}

void SimMaster::turn() {
  if (is_closed()) return;
  if (stage_.now() < paused_until_) return alarm_.set(paused_until_);
  if (downtime_) return die();
  take_all();
  commit();
  if (pause_ahead_ > core::Duration::zero()) {
    handle(event::PauseAhead{pause_ahead_});
    commit();
    pause(std::exchange(pause_ahead_, {}), false);
  }
  keep_in_touch();
  const std::string broken = scheduler().check_invariants();
  require(broken.empty(), [&] { return "scheduler: " + broken; });
  if (!is_closed()) set_alarm();
}

core::Time SimMaster::next_input() const {
  const std::vector<PlannedTask>& tasks = stage_.plan.tasks;
  return next_task_ < tasks.size() ? tasks[next_task_].available_at : stage_.plan.input_ends;
}

void SimMaster::take_all() {
  take_messages();
  take_requests();
  take_input();
  handle(event::Ticked{});
}

/// The end may come before the turn's facts are recorded, or after that and before anything is done
/// about them. What the records have is what another master goes on from.
void SimMaster::die() {
  stage_.trace.note("the master dies");
  const History recorded = history_;
  const bool is_recorded = stage_.random.chance(0.5);
  take_all();
  if (is_recorded)
    record();
  else
    history_ = recorded;
  stage_.trace.note(is_recorded ? "  after it has recorded" : "  before it has recorded");
  const core::Duration downtime = std::exchange(downtime_, std::nullopt).value();
  history_.restart();
  const core::Snapshot snapshot = replica_->snapshot();
  mind_ = make_mind_(stage_.plan.policy, snapshot);
  replica_ = std::make_unique<core::Scheduler>(stage_.plan.policy, snapshot);
  outbox_ = {};
  inbox_.clear();
  requests_.clear();
  links_.clear();
  pause_ahead_ = {};
  next_task_ = history_.num_accepted_of(core::OwnerId(0));
  is_input_open_ = !history_.is_input_ended();
  surroundings_.mourn(downtime);
  paused_until_ = stage_.now() + downtime;
  alarm_.set(paused_until_);
}

void SimMaster::set_alarm() {
  const core::Time now = stage_.now();
  if (!inbox_.empty() || !requests_.empty()) return alarm_.set(now);
  require(scheduler().next_deadline() > now, "the scheduler wants to be called without end");
  require(scheduler().next_deadline() <= history_.next_deadline(), "the scheduler lets a deadline pass");
  core::Time next = std::min(scheduler().next_deadline(), now + stage_.plan.heartbeat);
  if (const core::Time input = next_input(); is_input_open_ && input > now) next = std::min(next, input);
  alarm_.set(next + stage_.latency());
}

void SimMaster::take_messages() {
  for (int i = 0; i < kMostMessagesInTurn && !inbox_.empty(); ++i) {
    auto [from, message] = std::move(inbox_.front());
    inbox_.pop_front();
    std::visit([&](auto& m) { take(from, m); }, message);
  }
}

void SimMaster::take(core::WorkerId from, const message::Hello& hello) {
  links_[from] = stage_.now();
  handle(event::WorkerAnnounced{from, hello.host, 1, hello.num_slots});
}

void SimMaster::take(core::WorkerId from, core::worker_command::Report& report) {
  handle(
      event::WorkerReported{from, std::move(report.started), std::move(report.ended), std::move(report.handed_back)});
}

void SimMaster::take(core::WorkerId from, const message::Goodbye&) {
  handle(event::WorkerLeft{from});
}

void SimMaster::take(core::WorkerId from, const message::PeerLost& lost) {
  handle(event::WorkerFailed{from, lost.reason});
}

void SimMaster::take_requests() {
  for (std::size_t num = requests_.size(); num > 0; --num) {
    Request request = std::move(requests_.front());
    requests_.pop_front();
    std::visit([this](auto& r) { take(r); }, request);
  }
}

void SimMaster::take(core::Event& event) {
  if (std::holds_alternative<event::TasksSubmitted>(event) && !scheduler().is_open()) return;
  handle(event);
}

void SimMaster::take(const ArrivingGroup& group) {
  const core::GroupId id = scheduler().next_group();
  const core::WorkerId first = scheduler().next_worker();
  handle(event::GroupFormed{group.source, static_cast<std::uint32_t>(group.workers.size()), ""});
  if (!downtime_) surroundings_.admit(id, first, group.workers);
}

void SimMaster::take_input() {
  if (!is_input_open_) return;
  const std::size_t wanted = std::min(scheduler().num_wanted_tasks(), kMostTasksInPull);
  require(wanted <= stage_.plan.policy.max_queued_tasks, "more tasks are wanted than may queue");
  if (wanted == 0) return;
  const std::vector<PlannedTask>& tasks = stage_.plan.tasks;
  std::vector<core::TaskSpec> specs;
  for (; next_task_ < tasks.size() && tasks[next_task_].available_at <= stage_.now() && specs.size() < wanted;
       ++next_task_)
    specs.push_back(make_spec(tasks[next_task_], next_task_));
  if (!specs.empty()) handle(event::TasksSubmitted{core::OwnerId(0), std::move(specs)});
  if (next_task_ < tasks.size() || stage_.now() < stage_.plan.input_ends) return;
  is_input_open_ = false;
  handle(event::InputEnded{});
}

// --- what follows -----------------------------------------------------------------------------

void SimMaster::handle(const core::Event& event) {
  core::Outbox outbox = mind_->handle(event, stage_.now());
  if (stage_.trace.is_on()) {
    for (const core::Fact& fact : outbox.facts) stage_.trace.note("  ", text(fact));
    for (const core::Command& command : outbox.commands) stage_.trace.note("    -> ", text(command));
  }
  history_.observe(event, outbox, stage_.now());
  std::move(outbox.facts.begin(), outbox.facts.end(), std::back_inserter(outbox_.facts));
  std::move(outbox.commands.begin(), outbox.commands.end(), std::back_inserter(outbox_.commands));
  if (stage_.plan.performs_at_once && !downtime_) commit();
}

void SimMaster::commit() {
  record();
  for (core::Command& command : std::exchange(outbox_.commands, {}))
    std::visit([this](auto& c) { perform(c); }, command);
}

void SimMaster::record() {
  const std::vector<core::Fact> facts = std::exchange(outbox_.facts, {});
  if (facts.empty()) return;
  for (const core::Fact& fact : facts) replica_->apply(fact);
  compare_replica();
  if (stage_.ledger == nullptr) return;
  stage_.ledger->facts.insert(stage_.ledger->facts.end(), facts.begin(), facts.end());
  stage_.ledger->marks.push_back({stage_.ledger->facts.size(), scheduler().counts(), scheduler().snapshot()});
}

/// Pauses before retries are over by themselves, which is no fact.
void SimMaster::compare_replica() const {
  core::Counts live = scheduler().counts();
  core::Counts replayed = replica_->counts();
  require(live.ready + live.delayed == replayed.ready + replayed.delayed, "replay has another number of waiting tasks");
  live.ready = live.delayed = replayed.ready = replayed.delayed = 0;
  require(live == replayed, "replay counts otherwise");
  require(scheduler().num_workers() == replica_->num_workers() && scheduler().num_slots() == replica_->num_slots(),
          "replay has other workers");
  require(scheduler().next_group() == replica_->next_group() && scheduler().next_worker() == replica_->next_worker(),
          "replay numbers otherwise");
  if (stage_.random.chance(kSnapshotShare))
    require(scheduler().snapshot() == replica_->snapshot(), "replay would go on from elsewhere");
}

void SimMaster::perform(command::Welcome& command) {
  send(command.worker, command);
}

void SimMaster::perform(command::SendTicket& command) {
  send(command.worker, std::move(command));
}

void SimMaster::perform(command::Recall& command) {
  send(command.worker, std::move(command));
}

void SimMaster::perform(command::Kill& command) {
  send(command.worker, std::move(command));
}

void SimMaster::perform(command::Drain& command) {
  send(command.worker, command);
}

void SimMaster::perform(const command::Forget& command) {
  links_.erase(command.worker);
}

void SimMaster::perform(const command::ReleaseGroup&) {}

void SimMaster::perform(const command::Grow& command) {
  surroundings_.grow(command.population);
}

void SimMaster::perform(command::Fence& command) {
  send(command.worker, command);
}

void SimMaster::perform(const command::Deliver&) {}

void SimMaster::perform(const command::DiscardOutput&) {}

void SimMaster::send(core::WorkerId to, ToWorker message) {
  if (const auto link = links_.find(to); link != links_.end()) link->second = stage_.now();
  stage_.network.to_worker(to, std::move(message));
}

void SimMaster::keep_in_touch() {
  for (auto& [worker, last_sent] : links_)
    if (stage_.now() - last_sent >= stage_.plan.heartbeat) send(worker, message::Ping{});
}

}  // namespace drover::simulation
