// How groups come in: asked for by a user or by the scheduler, or announced by groups that were started
// elsewhere. From the first word to a connection; from there on they are the transport's and the
// scheduler's.
//
//   asked for -> spawned, on hosts that were probed                           -> connected
//            `-> launched with an mpirun of its own, on its own host
//   announced by itself, or by such a launch -> accepted on a port of its own -> connected
//
// A launch is a `drover worker` on the host, whose standard input and output are its control channel: where ssh or srun
// gets, nothing else is needed. It lives as long as its group, and what it has started ends with it.
//
// Nothing here blocks, and nothing that goes wrong with a host or a group touches those that work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/control/requests.hpp"
#include "drover/core/facts.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/host_probe.hpp"
#include "drover/support/unique_fd.hpp"
#include "drover/transport/mpi_groups.hpp"

namespace drover::runtime {

/// One group on its way, from being asked for or announced until it is connected or has failed.
using RecruitId = support::StrongId<struct RecruitTag, std::uint64_t>;

struct RecruiterOptions {
  std::string program;  ///< absolute, the same on every host
  /// Around the arguments of the program, where it is not drover itself but one that uses it.
  std::vector<std::string> args_before;
  std::vector<std::string> args_after;
  std::string drover_version;
  std::vector<std::string> rank_options;  ///< of every rank that comes, whichever way
  std::uint32_t slots_per_worker = 1;
  /// How long a host has to answer, and then a group to be connected.
  core::Duration probe_limit = kProbeLimit;
  core::Duration arrival_limit = std::chrono::seconds(60);
};

namespace recruit {

/// Something worth telling the one who asked.
struct Note {
  RecruitId id;
  std::string text;
};
/// It does not come.
struct Failed {
  RecruitId id;
  std::string reason;  ///< one line
  std::string said;    ///< by what was started for it, as it was; empty: nothing
};
/// It is being started elsewhere: what starts it speaks the control protocol on this socket.
struct Launched {
  RecruitId id;
  support::UniqueFd channel;
};
/// Ready to be connected to: tell it the port.
struct Accepting {
  RecruitId id;
  std::string port;
};
/// It is connected.
struct Arrived {
  RecruitId id;
  core::GroupSource source{};
  std::string hosts;
  std::optional<control::HostSlots> launched_on;  ///< another host, because somebody asked for it
  transport::GroupLink link;
};

}  // namespace recruit

using Recruitment =
    std::variant<recruit::Note, recruit::Failed, recruit::Launched, recruit::Accepting, recruit::Arrived>;

/// A group that waits to be connected.
struct JoinOffer {
  std::string host;
  std::string drover_version;
  std::uint32_t population = 1;
  std::uint32_t slots_per_worker = 1;
};

/// Used by the thread that calls MPI.
class Recruiter {
 public:
  explicit Recruiter(RecruiterOptions options);
  ~Recruiter();
  Recruiter(const Recruiter&) = delete;
  Recruiter& operator=(const Recruiter&) = delete;

  /// Asks for a group, or one a host where each gets a launcher of its own. On each host, one worker drives all its
  /// slots, unless more are asked for. What comes of each, poll() says. Throws UsageError for what cannot be.
  std::vector<RecruitId> ask(const control::request::ScaleAdd& request, core::Time now);

  /// A group that was started elsewhere waits at the door; `launched`: by this launch. Throws UsageError where none may
  /// join, before anything is begun that could harm this MPI job.
  RecruitId announce(const JoinOffer& offer, std::optional<RecruitId> launched, core::Time now);
  /// What had announced it has gone, before it was connected.
  void withdraw(RecruitId id, core::Time now);

  /// Goes on with all that are on their way.
  [[nodiscard]] std::vector<Recruitment> poll(core::Time now);

  /// Readable when poll() may have something.
  [[nodiscard]] std::vector<int> fds() const;
  /// When poll() has something at the latest.
  [[nodiscard]] std::optional<core::Time> next_deadline(core::Time now) const;

  /// What is asked, whenever a group is to join, why none can any more; empty: one can.
  void ask_before_joins(std::function<std::string()> join_obstacle) { join_obstacle_ = std::move(join_obstacle); }
  /// From here on nothing is spawned: `reason` is the answer, a clause.
  void forbid_spawn(std::string reason) { spawn_obstacle_ = std::move(reason); }
  /// Why nothing can be spawned any more; empty when something can.
  [[nodiscard]] const std::string& spawn_obstacle() const { return spawn_obstacle_; }

  /// Why a group that was asked for can only come to a new MPI job; empty while it can come to this one.
  [[nodiscard]] const std::string& rollover_reason() const { return rollover_reason_; }

  /// A spawned group has been let go of: its slots come back only after a while.
  void note_release(core::Time now) { released_at_ = now; }

  [[nodiscard]] bool is_idle() const { return recruits_.empty(); }
  /// Whether MPI is stuck in a call for a group that never came: MPI must not be finalized.
  [[nodiscard]] bool has_stuck_call() const { return num_given_up_ > 0; }

 private:
  struct Probing {
    HostProbe probe;
  };
  struct Waiting {};   ///< for its turn
  struct Launched {};  ///< for its own launcher to announce it
  struct Arriving {
    std::unique_ptr<transport::ListeningPort> port;  ///< of a join
    transport::GroupArrival arrival;
  };
  struct Recruit {
    control::request::ScaleAdd request;
    core::GroupSource source{};
    core::Time deadline{};
    std::variant<Waiting, Probing, Launched, Arriving> state;
  };
  struct Launch {
    RecruitId id;
    std::string host;
    ChildProcess process;
  };

  RecruitId add(control::request::ScaleAdd request, core::GroupSource source, core::Time now);
  void advance(RecruitId id, Recruit& recruit, core::Time now);
  void start(RecruitId id, Recruit& recruit, core::Time now);
  void spawn(Recruit& recruit, core::Time now);
  void launch(RecruitId id, Recruit& recruit, core::Time now);
  [[nodiscard]] std::vector<std::string> program_args(std::vector<std::string> args) const;
  void accept(RecruitId id, Recruit& recruit, core::Time now);
  void poll_launches();
  [[nodiscard]] std::optional<control::HostSlots> launched_on(RecruitId id) const;
  void fail(RecruitId id, const std::string& reason);
  void fail(const Launch& launch);
  [[nodiscard]] core::GroupSource choose_source(const control::request::ScaleAdd& request) const;
  [[nodiscard]] std::vector<control::request::ScaleAdd> shares(const control::request::ScaleAdd& request,
                                                               core::GroupSource source) const;
  [[nodiscard]] bool is_connecting() const;

  RecruiterOptions options_;
  std::map<RecruitId, Recruit> recruits_;
  std::vector<Launch> launches_;
  std::vector<Recruitment> out_;  ///< to be told by poll()
  std::vector<RecruitId> over_;   ///< to be removed from recruits_
  std::optional<core::Time> released_at_;
  std::function<std::string()> join_obstacle_ = [] { return std::string(); };
  std::string spawn_obstacle_;
  std::string rollover_reason_;
  int num_late_joins_ = 0;  ///< in a row
  std::uint64_t num_ever_ = 0;
  std::uint64_t num_given_up_ = 0;
};

}  // namespace drover::runtime
