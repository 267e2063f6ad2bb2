// What users should see of a farm that changes: a line on stderr for each group that comes or goes, and
// each worker that is lost.
#pragma once

#include <map>
#include <set>
#include <string>

#include "drover/cli/output/terminal_line.hpp"
#include "drover/runtime/observer.hpp"

namespace drover::cli {

/// Says nothing of the workers that came with the run and leave at its end. `line` outlives this.
class Notices final : public runtime::Observer {
 public:
  Notices(TerminalLine& line, bool is_quiet, std::string worker_wait)
      : line_(line), is_quiet_(is_quiet), worker_wait_(std::move(worker_wait)) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;
  /// Workers of one host see the same: it is said once.
  void on_remark(core::WorkerId from, const std::string& text) override;

  /// A line of somebody else's.
  void say(const std::string& text);

 private:
  struct Group {
    core::GroupSource source{};
    std::uint32_t num_to_come = 0;
    std::uint32_t num_workers = 0;
  };
  struct Worker {
    core::GroupId group;
    std::string host;
  };

  void on(const core::fact::GroupFormed& fact);
  void on(const core::fact::GroupEnded& fact);
  void on(const core::fact::GrowthRequested& fact);
  void on(const core::fact::GrowthFailed& fact);
  void on(const core::fact::HostQuarantined& fact);
  void on(const core::fact::WorkerJoined& fact);
  void on(const core::fact::WorkerEnded& fact);
  template <class Other>
  void on(const Other&) {}

  TerminalLine& line_;
  bool is_quiet_;
  std::string worker_wait_;
  std::map<core::GroupId, Group> groups_;
  std::map<core::WorkerId, Worker> workers_;
  std::set<std::string> remarks_;  ///< that have been said
  bool lacks_workers_ = false;
  bool is_closing_ = false;
};

}  // namespace drover::cli
