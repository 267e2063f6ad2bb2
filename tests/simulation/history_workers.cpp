// How groups and workers come and go, and whether they may.

#include <algorithm>

#include "history.hpp"
#include "support/describe.hpp"

namespace drover::simulation {

using core::WorkerId;
using test::text;
namespace fact = core::fact;

void History::judge(const fact::GroupFormed& fact) {
  require(due_.group != nullptr, "no group has come");
  require(fact.group.value == next_group_ && fact.first_worker.value == next_worker_, "numbers are not consecutive");
  require(fact.population == due_.group->population && fact.source == due_.group->source, "not the group that came");
  Group& group = groups_[fact.group];
  group.source = fact.source;
  group.formed = now_;
  for (std::uint32_t i = 0; i < fact.population; ++i) group.pending.insert(WorkerId(next_worker_++));
  ++next_group_;
  due_.group = nullptr;
  if (leave_until_) leave_until_ = now_ + policy().leave_grace;
  if (fact.source == core::GroupSource::spawn) count("groups spawned");
}

void History::judge(const fact::GroupEnded& fact) {
  const Group& group = groups_.at(fact.group);
  require(group.pending.empty() && group.members.empty(), "it has members");
  require((fact.how == core::GroupEnd::lost) == group.has_losses, "lost or not?");
  groups_.erase(fact.group);
  due_.to_release.insert(fact.group);
}

void History::judge(const fact::GrowthRequested& fact) {
  require(!stop_ && !leave_until_, "the run is stopped");
  require(!is_growth_awaited_, "an earlier request is unanswered");
  require(fact.population > 0, "for nobody");
  std::uint64_t num_workers = members_.size();
  for (const auto& [id, group] : groups_) num_workers += group.pending.size();
  if (fact.reason.find("replace") != std::string::npos) {
    num_respawns_ += fact.population;
    require(num_respawns_ <= policy().scale.max_respawns, "more replacements than are allowed");
  } else {
    require(num_workers + fact.population <= policy().scale.max_workers, "more workers than are allowed");
    require(waiting_.size() >= policy().scale.backlog, "there is no such backlog");
  }
  is_growth_awaited_ = true;
  growth_asked_ = now_;
  due_.to_grow = fact.population;
  count("growth requested");
}

void History::judge(const fact::GrowthFailed&) {
  const bool is_overdue = is_growth_awaited_ && now_ >= growth_asked_ + policy().scale.answer_wait;
  require(due_.growth_failed || is_overdue, "nobody said so");
  due_.growth_failed = false;
  is_growth_awaited_ = false;
  count("growth failed");
}

void History::judge(const fact::HostQuarantined& fact) {
  require(policy().max_host_losses > 0 && host_losses_[fact.host] >= policy().max_host_losses,
          "it lost too few workers");
  require(quarantined_hosts_.insert(fact.host).second, "it is quarantined already");
  bool has_others = false;
  for (const auto& [id, member] : members_) {
    if (member.host != fact.host)
      has_others = has_others || !member.is_draining;
    else if (!member.is_draining)
      due_.to_drain.insert(id);
  }
  require(has_others, "there would be no worker left");
  count("hosts quarantined");
}

void History::judge(const fact::WorkerJoined& fact) {
  require(due_.announced != nullptr && due_.announced->worker == fact.worker, "it did not announce itself");
  require(due_.announced->num_slots == fact.num_slots && due_.announced->host == fact.host, "not what it said");
  require(!leave_until_, "the run is over");
  require(!quarantined_hosts_.contains(fact.host), "its host is quarantined");
  Group& group = groups_.at(fact.group);
  require(group.pending.erase(fact.worker) == 1, "it is not awaited in that group");
  group.members.insert(fact.worker);
  require(is_free(fact.first_job_slot, fact.num_slots), "its job slots are taken");
  for (std::uint32_t first = 1; first < fact.first_job_slot; ++first)
    require(!is_free(first, fact.num_slots), "there are lower job slots");
  Member& worker = members_[fact.worker];
  worker.group = fact.group;
  worker.host = fact.host;
  worker.num_slots = fact.num_slots;
  worker.first_job_slot = fact.first_job_slot;
  worker.last_heard = now_;
  group.idle_since = now_;
  due_.announced = nullptr;
  due_.to_welcome.insert(fact.worker);
  ++counts_.workers_joined;
}

bool History::is_free(std::uint32_t first_job_slot, std::uint32_t num_slots) const {
  return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const Member& other = entry.second;
    return first_job_slot >= other.first_job_slot + other.num_slots ||
           other.first_job_slot >= first_job_slot + num_slots;
  });
}

History::Member& History::member(WorkerId worker) {
  const auto found = members_.find(worker);
  require(found != members_.end(), "there is no such worker");
  return found->second;
}

void History::judge(const fact::WorkerDraining& fact) {
  Member& worker = member(fact.worker);
  require(!worker.is_draining, "it is draining already");
  require_reason_to_drain(fact.worker, worker);
  worker.is_draining = true;
  due_.to_drain.insert(fact.worker);
  count("workers drained");
}

/// Asked for, on a host that is quarantined, at the end of the run, or with nothing to do for too long.
void History::require_reason_to_drain(WorkerId id, const Member& member) const {
  if (due_.to_drain.contains(id) || quarantined_hosts_.contains(member.host)) return;
  const bool is_complete = is_input_ended_ && counts_.unfinished() == 0;
  if (is_complete || (stop_ && num_dispatched_ == 0)) return;
  require(due_.is_tick && is_idle_for_long(member.group), "nobody asked for it");
}

/// What a member had counts for its group, also if it came and was lost between two looks at idle groups.
bool History::is_idle_for_long(core::GroupId id) const {
  const Group& group = groups_.at(id);
  if (group.source == core::GroupSource::world || !policy().scale.idle_timeout || !group.pending.empty()) return false;
  return now_ - group.idle_since >= *policy().scale.idle_timeout &&
         std::all_of(group.members.begin(), group.members.end(),
                     [this](WorkerId worker) { return members_.at(worker).held.empty(); });
}

void History::judge(const fact::WorkerEnded& fact) {
  const bool is_lost = fact.how == core::WorkerEnd::lost;
  due_.to_forget.insert(fact.worker);
  if (is_lost) ++counts_.workers_lost;
  if (const auto found = members_.find(fact.worker); found != members_.end()) {
    const Member& member = found->second;
    if (is_lost)
      judge_loss(fact.worker, member);
    else
      require(due_.left == fact.worker, "it did not say goodbye");
    require(member.held.empty(), "what it held is forgotten");
    judge_charges(member, is_lost);
    if (is_lost && !leave_until_ && !stop_) ++host_losses_[member.host];
    Group& group = groups_.at(member.group);
    group.members.erase(fact.worker);
    group.has_losses = group.has_losses || is_lost;
    members_.erase(found);
    return;
  }
  for (auto& [id, group] : groups_)
    if (group.pending.erase(fact.worker) > 0) {
      if (is_lost && due_.failed != fact.worker) judge_absence(group);
      group.has_losses = group.has_losses || is_lost;
      group.idle_since = now_;  // while some were awaited it was not
      return;
    }
  throw Violation("there is no such worker");
}

/// Attempts go with a worker that was lost; those that it executed are charged, or if it said nothing
/// of any that began, those that it was to begin first.
void History::judge_charges(const Member& member, bool is_lost) const {
  if (!is_lost) return require(member.losses.empty(), "a worker that left had something");
  const bool knows =
      std::any_of(member.losses.begin(), member.losses.end(), [](const Loss& l) { return l.was_started; });
  for (std::size_t i = 0; i < member.losses.size(); ++i) {
    const Loss& loss = member.losses[i];
    const bool executed = knows ? loss.was_started : i < member.num_slots;
    require(loss.is_charged == executed, [&] { return text(loss.attempt) + " is charged wrongly"; });
  }
}

bool History::is_overdue(const Member& member) const {
  return now_ - member.last_heard - member.excused >= policy().lease;
}

/// Whether the worker may be taken for lost; in a world with small delays, whether it really was.
void History::judge_loss(WorkerId id, const Member& member) const {
  const bool is_closing_over = leave_until_ && now_ >= *leave_until_;
  require(due_.failed == id || is_overdue(member) || is_closing_over, "its lease is not over");
  const Process& process = *reality_->find(id);
  if (process.state != Process::State::alive) return count("dead workers lost");
  if (process.frozen_until > core::Time{}) count("frozen workers lost");
  if (!plan_->is_sound || process.is_cut || process.is_falsely_accused) return;
  require(process.frozen_until >= member.last_heard, "it is alive and talks");
}

/// Whether a member may be taken for one that never comes.
void History::judge_absence(const Group& group) const {
  const bool is_closing_over = leave_until_ && now_ >= *leave_until_;
  require(is_closing_over || now_ >= group.formed + policy().announce_grace, "it may still announce itself");
  count("workers that never came");
}

}  // namespace drover::simulation
