#include "drover/cli/notices.hpp"

#include <unistd.h>

#include <utility>

namespace drover::cli {

namespace {

/// Whoever wants more of them reads the log.
constexpr std::size_t kMostRemarks = 100;

std::string workers_text(std::uint32_t num) {
  return std::to_string(num) + (num == 1 ? " worker" : " workers");
}

}  // namespace

void Notices::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts) std::visit([this](const auto& f) { on(f); }, fact);
}

void Notices::on_turn(const core::Scheduler& scheduler, core::Time) {
  is_closing_ = scheduler.phase() == core::Scheduler::Phase::closing;
  const bool lacks = scheduler.phase() == core::Scheduler::Phase::running && scheduler.num_workers() == 0 &&
                     !scheduler.expects_workers();
  if (std::exchange(lacks_workers_, lacks) == lacks || !lacks) return;
  say("no worker is there: waiting up to " + worker_wait_ + " for some; add them with 'drover scale add'");
}

void Notices::on_remark(core::WorkerId from, const std::string& text) {
  const auto worker = workers_.find(from);
  const std::string whole =
      (worker != workers_.end() ? worker->second.host : "worker " + std::to_string(from.value)) + ": " + text;
  if (remarks_.size() < kMostRemarks && remarks_.insert(whole).second) say(whole);
}

void Notices::on(const core::fact::GroupFormed& fact) {
  groups_[fact.group] = {fact.source, fact.population, 0};
}

void Notices::on(const core::fact::WorkerJoined& fact) {
  workers_[fact.worker] = {fact.group, fact.host};
  Group& group = groups_[fact.group];
  ++group.num_workers;
  if (group.source != core::GroupSource::world && group.num_workers == group.num_to_come)
    say("group " + std::to_string(fact.group.value) + " has come: " + workers_text(group.num_workers) + " on " +
        fact.host);
}

void Notices::on(const core::fact::GroupEnded& fact) {
  const auto group = groups_.extract(fact.group);
  // At the end of the run all leave.
  if (!group || group.mapped().source == core::GroupSource::world || is_closing_) return;
  say("group " + std::to_string(fact.group.value) + (fact.how == core::GroupEnd::left ? " has left" : " is lost"));
}

void Notices::on(const core::fact::GrowthRequested& fact) {
  say("asking for " + workers_text(fact.population) + " " + fact.reason);
}

void Notices::on(const core::fact::GrowthFailed& fact) {
  say("no further workers: " + fact.reason);
}

void Notices::on(const core::fact::HostQuarantined& fact) {
  say("host " + fact.host + " gets no more work: " + fact.reason);
}

void Notices::on(const core::fact::WorkerEnded& fact) {
  const auto worker = workers_.extract(fact.worker);
  if (fact.how != core::WorkerEnd::lost) return;
  const std::string where = worker ? " on " + worker.mapped().host : "";
  say("worker " + std::to_string(fact.worker.value) + where + " is lost: " + fact.reason);
}

void Notices::say(const std::string& text) {
  if (is_quiet_) return;
  const std::string whole = "drover: " + text + "\n";
  TerminalLine::Guard guard(line_);
  if (::write(STDERR_FILENO, whole.data(), whole.size()) > 0) guard.wrote(whole);
}

}  // namespace drover::cli
