#include "drover/runtime/taint_watch.hpp"

namespace drover::runtime {

void TaintWatch::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts) std::visit([this](const auto& f) { on(f); }, fact);
}

void TaintWatch::on(const core::fact::WorkerJoined& fact) {
  const auto source = sources_.find(fact.group);
  const bool is_joined = source != sources_.end() && source->second == core::GroupSource::join;
  if (!is_joined && fact.host != own_host_) remote_[fact.worker] = fact.host;
}

void TaintWatch::on(const core::fact::GroupEnded& fact) {
  const auto source = sources_.extract(fact.group);
  if (source && source.mapped() == core::GroupSource::spawn && fact.how == core::GroupEnd::lost)
    recruiter_.forbid_spawn("a spawned group was lost, after which MPI hangs in another spawn; groups can still join");
}

void TaintWatch::on(const core::fact::WorkerEnded& fact) {
  const auto worker = remote_.extract(fact.worker);
  if (!worker || fact.how != core::WorkerEnd::lost) return;
  recruiter_.forbid_spawn("host " + worker.mapped() +
                          ", a part of this MPI job, may be lost, and a spawn would then end the whole job; groups can "
                          "still join, or stop the run and resume it");
}

}  // namespace drover::runtime
