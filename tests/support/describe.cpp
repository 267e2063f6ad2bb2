#include "support/describe.hpp"

#include "drover/core/outcome.hpp"

namespace drover::test {

namespace {

std::string number(auto id) {
  return std::to_string(id.value);
}

std::string list(const std::vector<core::AttemptId>& attempts) {
  std::string all;
  for (const core::AttemptId attempt : attempts) all += " " + text(attempt);
  return all;
}

namespace fact = core::fact;
namespace command = core::command;

std::string words(const fact::TaskAccepted& f) {
  return "task " + number(f.task) + " of owner " + number(f.owner) + " accepted: " + f.spec.payload.substr(0, 20);
}
std::string words(const fact::TaskClaimed& f) {
  return "task " + number(f.task) + " claimed by owner " + number(f.owner);
}
std::string words(const fact::InputEnded&) {
  return "input ended";
}
std::string words(const fact::GroupFormed& f) {
  return "group " + number(f.group) + " (" + std::string(to_string(f.source)) +
         ") formed: " + std::to_string(f.population) + " workers from " + number(f.first_worker);
}
std::string words(const fact::GroupEnded& f) {
  return "group " + number(f.group) + " ended: " + std::string(to_string(f.how));
}
std::string words(const fact::GrowthRequested& f) {
  return "growth by " + std::to_string(f.population) + " requested " + f.reason;
}
std::string words(const fact::GrowthFailed& f) {
  return "growth failed: " + f.reason;
}
std::string words(const fact::HostQuarantined& f) {
  return f.host + " quarantined: " + f.reason;
}
std::string words(const fact::WorkerJoined& f) {
  return "worker " + number(f.worker) + " joined on " + f.host + " with job slots " + std::to_string(f.first_job_slot) +
         "-" + std::to_string(f.first_job_slot + f.num_slots - 1);
}
std::string words(const fact::WorkerEnded& f) {
  return "worker " + number(f.worker) + " ended: " + std::string(to_string(f.how)) + " " + f.reason;
}
std::string words(const fact::WorkerDraining& f) {
  return "worker " + number(f.worker) + " draining";
}
std::string words(const fact::AttemptDispatched& f) {
  return text(f.attempt) + " dispatched to worker " + number(f.worker);
}
std::string words(const fact::AttemptStarted& f) {
  return text(f.attempt) + " started";
}
std::string words(const fact::AttemptEnded& f) {
  return text(f.result.attempt) + " ended on worker " + number(f.worker) + ": " + describe(f.result.outcome);
}
std::string words(const fact::AttemptSuperseded& f) {
  return text(f.attempt) + " of worker " + number(f.worker) + " superseded";
}
std::string words(const fact::AttemptHandedBack& f) {
  return text(f.attempt) + " handed back";
}
std::string words(const fact::AttemptLost& f) {
  return text(f.attempt) + " lost with worker " + number(f.worker) + (f.charged ? ", charged" : "");
}
std::string words(const fact::TaskDelayed& f) {
  return "task " + number(f.task) + " delayed";
}
std::string words(const fact::TaskCancelRequested& f) {
  return "task " + number(f.task) + " is to be cancelled";
}
std::string words(const fact::TaskEnded& f) {
  return "task " + number(f.task) + " " + std::string(to_string(f.how));
}
std::string words(const fact::DispatchStopped& f) {
  return "dispatch stopped: " + std::string(to_string(f.reason)) + (f.kill ? ", kill" : "");
}

std::string words(const command::Welcome& c) {
  return "welcome worker " + number(c.worker);
}
std::string words(const command::SendTicket& c) {
  std::string all = "ticket for worker " + number(c.worker) + ":";
  for (const core::Assignment& assignment : c.assignments) all += " " + text(assignment.attempt);
  return all;
}
std::string words(const command::Recall& c) {
  return "recall from worker " + number(c.worker) + ":" + list(c.attempts);
}
std::string words(const command::Kill& c) {
  return "kill on worker " + number(c.worker) + ":" + list(c.attempts);
}
std::string words(const command::Drain& c) {
  return "drain worker " + number(c.worker) + (c.now ? " now" : "");
}
std::string words(const command::Forget& c) {
  return "forget worker " + number(c.worker);
}
std::string words(const command::ReleaseGroup& c) {
  return "release group " + number(c.group);
}
std::string words(const command::Grow& c) {
  return "grow by " + std::to_string(c.population);
}
std::string words(const command::Fence& c) {
  return "fence worker " + number(c.worker);
}
std::string words(const command::Deliver& c) {
  return "deliver task " + number(c.task) + " " + std::string(to_string(c.how)) + " by " + text(c.attempt);
}
std::string words(const command::DiscardOutput& c) {
  return "discard output of " + text(c.attempt);
}

}  // namespace

std::string text(core::AttemptId attempt) {
  return number(attempt.task) + "." + std::to_string(attempt.n);
}

std::string text(const core::Fact& fact) {
  return std::visit([](const auto& f) { return words(f); }, fact);
}

std::string text(const core::Command& command) {
  return std::visit([](const auto& c) { return words(c); }, command);
}

}  // namespace drover::test
