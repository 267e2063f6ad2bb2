// How the master takes in groups, lets go of them, and moves to another MPI job where it must.

#include <spdlog/spdlog.h>

#include <utility>

#include "drover/runtime/master_loop.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How long attempts may go on executing once the run is to move to a new MPI job.
constexpr core::Duration kRolloverPatience = 30s;

}  // namespace

/// All at once: a farm is there when the slowest of its hosts is.
void MasterLoop::ask_for_hosts() {
  if (options_.hosts.hosts.empty()) return;
  for (const RecruitId id : ports_.recruiter.ask(options_.hosts, now_)) first_hosts_.insert(id);
}

/// Whether workers may come without anybody's doing; a run that has named its hosts does not wait for others.
void MasterLoop::judge_prospects() {
  const bool awaits = !first_hosts_.empty() || (ports_.allocator != nullptr && ports_.allocator->may_bring_workers());
  if (std::exchange(awaits_workers_, awaits) != awaits) handle(core::event::WorkersAwaited{awaits});
  if (!first_hosts_.empty() || missing_hosts_.empty()) return;
  const std::string missing = std::exchange(missing_hosts_, "");
  const bool has_workers = has_host_come_ || scheduler_.num_workers() > 0 || scheduler_.expects_workers();
  if (has_workers || !scheduler_.is_open()) return;
  fail("none of the hosts can be used: " + missing);
}

void MasterLoop::take_recruits() {
  for (Recruitment& recruitment : ports_.recruiter.poll(now_)) {
    was_active_ = true;
    std::visit([this](auto& r) { take(r); }, recruitment);
  }
}

void MasterLoop::take(recruit::Note& note) {
  spdlog::info("group to come {}: {}", note.id.value, note.text);
  ports_.desk.on_note(note.id, note.text);
}

void MasterLoop::take(recruit::Failed& failed) {
  if (roll_over_if_needed(ports_.recruiter.rollover_reason()))
    failed.reason += "; the run now moves to a new MPI job: ask again in a moment";
  const std::string whole = failed.said.empty() ? failed.reason : failed.reason + "\n" + failed.said;
  spdlog::warn("group to come {}: {}", failed.id.value, whole);
  ports_.desk.on_failed(failed.id, whole);
  if (growths_.erase(failed.id) > 0) handle(core::event::GrowthFailed{failed.reason});
  if (first_hosts_.erase(failed.id) == 0) return;
  missing_hosts_ += (missing_hosts_.empty() ? "" : "; ") + failed.reason;
  if (options_.say)
    options_.say(failed.reason + ": going on without it" + (failed.said.empty() ? "" : "\n" + failed.said));
}

/// What executes may finish; what does not in time is handed back, and costs its task nothing.
bool MasterLoop::roll_over_if_needed(const std::string& reason) {
  if (!options_.can_roll_over || reason.empty()) return false;
  if (scheduler_.stop_reason()) return scheduler_.stop_reason() == core::StopReason::rollover;
  spdlog::warn("moving to a new MPI job: {}", reason);
  rollover_reason_ = reason;
  handle(core::event::StopRequested{core::StopReason::rollover, false, now_ + kRolloverPatience});
  return scheduler_.stop_reason() == core::StopReason::rollover;
}

/// A host that leaves in haste takes with it what still executes there; so do the others, for which there is no other
/// MPI job before.
void MasterLoop::judge_hosts() {
  const HostOffers* offers = ports_.desk.host_offers();
  if (offers == nullptr || !roll_over_if_needed(offers->rollover_reason(now_))) return;
  if (offers->is_in_haste() && !std::exchange(is_hastened_, true)) stop(core::StopReason::rollover, true);
}

void MasterLoop::take(recruit::Launched& launched) {
  ports_.desk.on_launched(launched.id, std::move(launched.channel));
}

void MasterLoop::take(recruit::Accepting& accepting) {
  ports_.desk.on_accepting(accepting.id, accepting.port);
}

void MasterLoop::take(recruit::Arrived& arrived) {
  const core::GroupId group = scheduler_.next_group();
  const core::WorkerId first = scheduler_.next_worker();
  const auto population = static_cast<std::uint32_t>(arrived.link.num_members());
  ports_.transport.add_group(std::move(arrived.link), first);
  first_members_[group] = first;
  growths_.erase(arrived.id);
  has_host_come_ = first_hosts_.erase(arrived.id) > 0 || has_host_come_;
  spdlog::info("group to come {}: it is group {}, {} of {}", arrived.id.value, group.value, population, arrived.hosts);
  if (arrived.launched_on) {
    launched_on_[group] = arrived.launched_on->host;
    if (options_.on_host_came) options_.on_host_came(*arrived.launched_on);
  }
  ports_.desk.on_arrived(arrived.id, group);
  handle(core::event::GroupFormed{arrived.source, population, std::move(arrived.hosts)});
}

void MasterLoop::perform(const core::command::ReleaseGroup& command) {
  // Of its own accord, not with the run, and not lost: whoever goes on with the run does not ask for it again.
  const auto host = launched_on_.extract(command.group);
  if (host && command.how == core::GroupEnd::left && scheduler_.is_open() && options_.on_host_left)
    options_.on_host_left(host.mapped());
  const auto found = first_members_.find(command.group);
  if (found == first_members_.end()) return;  // the world's connection is MPI's own
  // A lost member may be frozen, and speak again: it is heard, and told to leave. And Open MPI 4.1 gives
  // the number of a freed communicator to the next one, which then gets what the old one's members
  // send: it crashed on that.
  if (command.how == core::GroupEnd::lost) return;
  ports_.transport.release_group(found->second);
  ports_.recruiter.note_release(now_);
  first_members_.erase(found);
}

void MasterLoop::perform(const core::command::Grow& command) {
  control::request::ScaleAdd request;
  request.population = command.population;
  try {
    for (const RecruitId id : ports_.recruiter.ask(request, now_)) growths_.insert(id);
  } catch (const Error& e) {
    handle(core::event::GrowthFailed{e.what()});
  }
}

}  // namespace drover::runtime
