// Notices when the MPI job itself is damaged by a loss.
//
// A process that dies on the master's host leaves Open MPI's runtime whole. A worker lost on another
// host may have gone with its node and the runtime's daemon there: with Open MPI 4.1 the next
// MPI_Comm_spawn then ends the whole job (seen in every trial); and after a spawned group died with all
// its members, a later one hung (in each of eight loops). Groups that joined have runtimes of their own,
// and damage nothing.
#pragma once

#include <map>
#include <string>

#include "drover/runtime/observer.hpp"
#include "drover/runtime/recruiter.hpp"

namespace drover::runtime {

/// Forbids the recruiter to spawn once that is not safe any more. `recruiter` outlives this.
class TaintWatch final : public Observer {
 public:
  TaintWatch(Recruiter& recruiter, std::string own_host) : recruiter_(recruiter), own_host_(std::move(own_host)) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler&, core::Time) override {}

 private:
  void on(const core::fact::GroupFormed& fact) { sources_[fact.group] = fact.source; }
  void on(const core::fact::GroupEnded& fact);
  void on(const core::fact::WorkerJoined& fact);
  void on(const core::fact::WorkerEnded& fact);
  template <class Other>
  void on(const Other&) {}

  Recruiter& recruiter_;
  std::string own_host_;
  std::map<core::GroupId, core::GroupSource> sources_;
  std::map<core::WorkerId, std::string> remote_;  ///< hosts of workers of this MPI job that are elsewhere
};

}  // namespace drover::runtime
