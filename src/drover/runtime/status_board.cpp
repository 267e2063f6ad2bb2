#include "drover/runtime/status_board.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "drover/support/duration.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostGoneGroups = 16;
constexpr core::Duration kRateWindow = 10s;
constexpr core::Duration kSampleEvery = 500ms;

std::string count_of(std::uint64_t num, const std::string& noun) {
  return std::to_string(num) + " " + noun + (num == 1 ? "" : "s");
}

control::RunPhase phase_of(const core::Scheduler& scheduler, const core::Counts& counts) {
  switch (scheduler.phase()) {
    case core::Scheduler::Phase::running:
      if (counts.workers_joined == 0) return control::RunPhase::starting;
      return counts.unfinished() == 0 ? control::RunPhase::waiting : control::RunPhase::running;
    case core::Scheduler::Phase::stopping:
      return control::RunPhase::stopping;
    case core::Scheduler::Phase::closing:
    case core::Scheduler::Phase::closed:
      break;
  }
  return control::RunPhase::closing;
}

control::WorkerState state_of(const core::WorkerView& view, core::Duration silent_for, core::Duration heartbeat) {
  if (silent_for > 3 * heartbeat) return control::WorkerState::silent;
  if (view.is_draining) return control::WorkerState::draining;
  return view.num_held > 0 ? control::WorkerState::busy : control::WorkerState::idle;
}

}  // namespace

StatusBoard::StatusBoard(About about, core::Time started, TaskHistory history)
    : about_(std::move(about)),
      started_(started),
      history_(std::move(history)),
      now_(started),
      is_input_ended_(about_.is_input_ended) {}

void StatusBoard::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts) std::visit([this](const auto& f) { on(f); }, fact);
}

void StatusBoard::on_turn(const core::Scheduler& scheduler, core::Time now) {
  now_ = now;
  if (!ended_.empty() && now - ended_.back().first < kSampleEvery) return;
  ended_.emplace_back(now, scheduler.counts().ended());
  while (ended_.size() > 2 && now - ended_.front().first > kRateWindow) ended_.pop_front();
}

void StatusBoard::on(const core::fact::GroupFormed& fact) {
  groups_[fact.group] = {fact, now_, 0, std::nullopt};
}

void StatusBoard::on(const core::fact::GroupEnded& fact) {
  groups_[fact.group].end = fact.how;
  const auto is_gone = [](const auto& entry) { return entry.second.end.has_value(); };
  while (static_cast<std::size_t>(std::count_if(groups_.begin(), groups_.end(), is_gone)) > kMostGoneGroups)
    groups_.erase(std::find_if(groups_.begin(), groups_.end(), is_gone));
}

void StatusBoard::on(const core::fact::GrowthFailed& fact) {
  last_growth_failure_ = fact.reason;
}

void StatusBoard::on(const core::fact::HostQuarantined& fact) {
  hosts_[fact.host].quarantine = fact.reason;
}

void StatusBoard::on(const core::fact::WorkerJoined& fact) {
  workers_[fact.worker] = {fact.group, fact.host, fact.pid};
  ++hosts_[fact.host].num_joined;
}

void StatusBoard::on(const core::fact::WorkerEnded& fact) {
  const auto found = workers_.find(fact.worker);
  if (found == workers_.end()) return;
  if (fact.how == core::WorkerEnd::lost) {
    ++groups_[found->second.group].num_lost;
    ++hosts_[found->second.host].num_lost;
    hosts_[found->second.host].last_loss = fact.reason;
  }
  workers_.erase(found);
}

void StatusBoard::on_progress(const wire::Progress& progress, core::WallMicros) {
  progress_.insert_or_assign(progress.attempt.task, progress);
}

void StatusBoard::on(const core::fact::TaskEnded& fact) {
  if (!progress_.empty()) progress_.erase(fact.task);
}

void StatusBoard::on(const core::fact::InputEnded&) {
  is_input_ended_ = true;
}

double StatusBoard::tasks_per_second(const core::Counts& counts, core::Time now) const {
  if (ended_.empty()) return 0;
  const double window = std::chrono::duration<double>(now - ended_.front().first).count();
  return window > 0 ? static_cast<double>(counts.ended() - ended_.front().second) / window : 0;
}

std::vector<control::WorkerStatus> StatusBoard::workers(const core::Scheduler& scheduler, core::Time now) const {
  std::vector<control::WorkerStatus> workers;
  for (const core::WorkerView& view : scheduler.workers()) {
    const auto known = workers_.find(view.worker);
    if (known == workers_.end()) continue;  // that it has joined is not safe yet
    const core::Duration silent_for = now - view.last_heard;
    workers.push_back({view.worker, view.group, view.host, known->second.pid,
                       state_of(view, silent_for, about_.heartbeat), view.num_slots,
                       static_cast<std::uint32_t>(view.num_executing), static_cast<std::uint32_t>(view.num_held),
                       silent_for});
  }
  return workers;
}

std::vector<control::GroupStatus> StatusBoard::groups(const core::Scheduler& scheduler,
                                                      const std::vector<control::WorkerStatus>& workers,
                                                      core::Time now) const {
  std::vector<core::GroupView> views = scheduler.groups();
  std::vector<control::GroupStatus> groups;
  for (const auto& [id, group] : groups_) {
    control::GroupStatus status{
        id, group.formed.source, control::GroupState::running, group.formed.population, 0, group.num_lost, 0,
        0,  now - group.since};
    bool are_all_draining = true;
    for (const control::WorkerStatus& worker : workers) {
      if (worker.group != id) continue;
      ++status.num_workers;
      status.num_slots += worker.num_slots;
      status.num_busy_slots += worker.num_executing;
      are_all_draining = are_all_draining && worker.state == control::WorkerState::draining;
    }
    const auto view =
        std::find_if(views.begin(), views.end(), [id = id](const core::GroupView& v) { return v.group == id; });
    if (group.end)
      status.state = *group.end == core::GroupEnd::left ? control::GroupState::left : control::GroupState::lost;
    else if (view != views.end() && view->num_pending > 0)
      status.state = control::GroupState::starting;
    else if (status.num_workers > 0 && are_all_draining)
      status.state = control::GroupState::draining;
    groups.push_back(status);
  }
  return groups;
}

control::reply::Status StatusBoard::status(const core::Scheduler& scheduler, core::Time now) const {
  control::reply::Status status;
  status.counts = scheduler.counts();
  status.phase = phase_of(scheduler, status.counts);
  status.run_id = about_.run_id;
  status.run_dir = about_.run_dir;
  status.host = about_.host;
  status.pid = static_cast<std::int32_t>(::getpid());
  status.elapsed = now - started_;
  status.is_kept_open = about_.is_kept_open && !is_input_ended_;
  status.is_input_ended = is_input_ended_;
  status.tasks_per_second = tasks_per_second(status.counts, now);
  status.mean_runtime = scheduler.mean_runtime();
  if (status.is_input_ended && status.tasks_per_second > 0)
    status.remaining = std::chrono::duration_cast<core::Duration>(std::chrono::duration<double>(
        std::ceil(static_cast<double>(status.counts.unfinished()) / status.tasks_per_second)));
  status.num_slots = scheduler.num_slots();
  status.workers = workers(scheduler, now);
  status.groups = groups(scheduler, status.workers, now);
  for (const std::string& host : scheduler.quarantined_hosts())
    status.quarantined_hosts.push_back({host, hosts_.contains(host) ? hosts_.at(host).quarantine : ""});
  if (scheduler.num_workers() == 0 && !scheduler.expects_workers())
    status.notices.emplace_back("no worker is there: add some with 'drover scale add'");
  if (!last_growth_failure_.empty()) status.notices.push_back("the last group did not come: " + last_growth_failure_);
  return status;
}

/// What the function itself has said of this attempt, if it has.
std::string StatusBoard::progress_text(core::AttemptId attempt) const {
  const auto found = progress_.find(attempt.task);
  if (found == progress_.end() || found->second.attempt != attempt) return "";
  const wire::Progress& progress = found->second;
  return " It has done " + std::to_string(std::lround(progress.fraction * 100)) + " %" +
         (progress.text.empty() ? "." : ": " + progress.text + ".");
}

std::string StatusBoard::worker_text(core::WorkerId worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? "a worker" : "worker " + std::to_string(worker.value) + " on " + found->second.host;
}

std::string StatusBoard::place_text(core::TaskId task, const core::TaskView& view, const core::Scheduler& scheduler,
                                    core::Time now) const {
  switch (view.state) {
    case core::TaskView::State::executing:
      return "is running on " + worker_text(view.worker) + ", attempt " + std::to_string(view.num_attempts) + "." +
             progress_text({task, view.num_attempts});
    case core::TaskView::State::dispatched:
      return "is with " + worker_text(view.worker) + ", behind what runs there.";
    case core::TaskView::State::unclaimed:
      return "was left unfinished when the run was taken up, and waits for the program to submit it again.";
    case core::TaskView::State::delayed:
      return "failed and waits " + support::format_duration(std::max(*view.until - now, core::Duration::zero())) +
             " before its next attempt.";
    case core::TaskView::State::ready:
      break;
  }
  if (scheduler.num_slots() == 0) return "waits for a worker: none is there.";
  if (scheduler.phase() != core::Scheduler::Phase::running) return "will not start: the run is stopping.";
  return "waits for a free slot behind " + count_of(view.num_ahead, "other task") + "; of " +
         count_of(scheduler.num_slots(), "slot") + " none is free.";
}

std::string StatusBoard::explain(core::TaskId task, const core::Scheduler& scheduler, core::Time now) const {
  const std::string name = "Task " + std::to_string(task.value);
  const std::optional<core::TaskView> view = scheduler.task(task);
  if (!view) {
    if (task.value > scheduler.counts().accepted || task.is_none())
      return name + " is not known: the run has accepted " + count_of(scheduler.counts().accepted, "task") + " so far.";
    const std::string history = history_ ? history_(task) : "";
    return history.empty() ? name + " has ended; see joblog.tsv in the run directory." : history;
  }
  std::string text = name + " " + place_text(task, *view, scheduler, now);
  if (view->num_failures > 0) text += " It has failed " + count_of(view->num_failures, "time") + ".";
  if (view->num_worker_kills > 0)
    text += " Its worker died while executing it " + count_of(view->num_worker_kills, "time") + ".";
  if (view->is_cancelled) text += " It is being cancelled.";
  return text;
}

std::string StatusBoard::explain(const std::string& host, const core::Scheduler& scheduler) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return "Host " + host + " has had no worker in this run.";
  const HostHistory& history = found->second;
  std::uint64_t num_workers = 0;
  std::uint64_t num_executing = 0;
  for (const core::WorkerView& view : scheduler.workers()) {
    if (view.host != host) continue;
    ++num_workers;
    num_executing += view.num_executing;
  }
  std::string text = "Host " + host + " has " + count_of(num_workers, "worker") + " that run" +
                     (num_workers == 1 ? "s " : " ") + count_of(num_executing, "task") + "; " +
                     std::to_string(history.num_joined) + " came in all";
  text += history.num_lost > 0
              ? ", " + std::to_string(history.num_lost) + " were lost, the last because: " + history.last_loss + "."
              : ".";
  if (!history.quarantine.empty()) text += " It gets no more work: " + history.quarantine + ".";
  return text;
}

}  // namespace drover::runtime
