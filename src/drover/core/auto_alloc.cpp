#include "drover/core/auto_alloc.hpp"

#include <algorithm>
#include <iterator>

#include "drover/core/scheduler.hpp"

namespace drover::core {

namespace {

/// Pauses stop doubling here.
constexpr std::uint32_t kMostDoublings = 6;
/// No estimate is longer: durations are of limited range.
constexpr std::chrono::hours kLongest{24 * 365};

}  // namespace

Backlog backlog_of(const Scheduler& scheduler) {
  const std::uint64_t num_waiting = scheduler.counts().ready;
  const bool has_slots = scheduler.num_slots() > 0;
  Backlog backlog{num_waiting, std::nullopt, has_slots};
  const std::optional<Duration> runtime = scheduler.mean_runtime();
  if (!has_slots || !runtime || scheduler.has_more_input()) return backlog;
  const std::chrono::duration<double> ahead = *runtime * 1.0 * num_waiting / scheduler.num_slots();
  backlog.time_ahead = std::chrono::duration_cast<Duration>(std::min<std::chrono::duration<double>>(ahead, kLongest));
  return backlog;
}

void AutoAlloc::recall_end(const std::string& id, Duration node_time) {
  jobs_.erase(id);
  node_time_used_ = support::plus(node_time_used_, support::bounded(node_time));
}

void AutoAlloc::note(const Backlog& backlog, Time now) {
  backlog_ = backlog;
  if (backlog.num_waiting == 0)
    waiting_since_.reset();
  else if (!waiting_since_)
    waiting_since_ = now;
}

/// Without any slot there is nothing to wait and see.
bool AutoAlloc::is_backlogged(Time now) const {
  if (!waiting_since_) return false;
  if (policy_.run_end && *policy_.run_end - now < policy_.patience) return false;
  if (!backlog_.has_slots) return true;
  return now - *waiting_since_ >= policy_.patience &&
         backlog_.time_ahead.value_or(policy_.patience) >= policy_.patience;
}

bool AutoAlloc::is_any_waiting() const {
  return is_submitting_ ||
         std::any_of(jobs_.begin(), jobs_.end(), [](const auto& entry) { return !entry.second.begun_at; });
}

bool AutoAlloc::is_wanted(Time now) const {
  return is_backlogged(now) && now >= not_before_ && !is_any_waiting();
}

std::string AutoAlloc::cap_reached(Time now) const {
  return is_wanted(now) ? cap() : "";
}

std::optional<std::string> AutoAlloc::due(Time now) const {
  if (!is_wanted(now) || !cap().empty()) return std::nullopt;
  return std::to_string(backlog_.num_waiting) + (backlog_.num_waiting == 1 ? " task waits" : " tasks wait");
}

Duration AutoAlloc::node_time_set_aside() const {
  Duration sum{};
  for (const auto& [id, job] : jobs_) sum = support::plus(sum, job.size.node_time());
  return sum;
}

std::string AutoAlloc::cap() const {
  if (num_tries_ >= policy_.max_tries) return std::to_string(policy_.max_tries) + " submissions were all there may be";
  if (support::plus(node_time_used_, support::plus(node_time_set_aside(), job_size().node_time())) >
      policy_.max_node_time)
    return "another would exceed the node-hours that there may be";
  if (jobs_.size() >= policy_.max_jobs) return std::to_string(policy_.max_jobs) + " at a time are all there may be";
  return {};
}

void AutoAlloc::on_submitting() {
  is_submitting_ = true;
  ++num_tries_;
}

void AutoAlloc::on_submitted(const std::string& id, Time now) {
  is_submitting_ = false;
  jobs_[id] = {job_size(), now, {}, false};
  not_before_ = now + policy_.patience;
}

void AutoAlloc::on_failed(Time now) {
  is_submitting_ = false;
  back_off(now);
}

void AutoAlloc::back_off(Time now) {
  const Duration pause = support::bounded(
      support::times(policy_.retry_delay, std::uint64_t{1} << std::min(num_failures_in_a_row_, kMostDoublings)));
  not_before_ = std::max(not_before_, now + pause);
  ++num_failures_in_a_row_;
}

/// From the last moment at which it surely had no nodes.
Duration AutoAlloc::charge(const Job& job, Time now) {
  const std::optional<Time> since = job.begun_at ? job.begun_at : job.last_waited;
  if (!since) return job.size.node_time();
  return support::times(std::clamp(now - *since, Duration::zero(), job.size.limit), job.size.num_nodes);
}

std::vector<EndedJob> AutoAlloc::on_listed(const std::vector<ListedJob>& listed, Time now) {
  std::map<std::string, Job> before = std::exchange(jobs_, {});
  for (const ListedJob& there : listed) {
    const auto known = before.extract(there.id);
    Job& job = jobs_[there.id];
    job = known ? known.mapped() : Job{job_size(), {}, {}, false};
    if (!there.time_used)
      job.last_waited = now;
    else if (!job.begun_at)
      job.begun_at = now - *there.time_used;
  }
  std::vector<EndedJob> ended;
  for (const auto& [id, job] : before) {
    ended.push_back({id, charge(job, now), job.has_joined});
    node_time_used_ = support::plus(node_time_used_, ended.back().node_time);
    if (!job.has_joined) back_off(now);
  }
  return ended;
}

void AutoAlloc::on_joined(Time now) {
  num_failures_in_a_row_ = 0;
  not_before_ = now + policy_.patience;
  for (auto& [id, job] : jobs_) job.has_joined = true;
}

}  // namespace drover::core
