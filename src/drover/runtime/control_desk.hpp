// Where a running master answers: turns the requests of control clients into events for the scheduler
// and groups for the recruiter, and facts, once they are safe, into replies.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drover/control/control_server.hpp"
#include "drover/journal/stored_output.hpp"
#include "drover/runtime/host_offers.hpp"
#include "drover/runtime/observer.hpp"
#include "drover/runtime/recruiter.hpp"
#include "drover/runtime/status_board.hpp"
#include "drover/runtime/submission_queue.hpp"

namespace drover::runtime {

/// Used by the master's thread. Nothing that a client does, or fails to do, is felt outside.
class ControlDesk final : public control::RequestHandler, public Observer {
 public:
  struct Options {
    std::filesystem::path run_dir;
    control::reply::Hello about;
    /// Where clients find the outputs of their tasks.
    std::string output_dir;
    journal::OutputLayout output_layout{};
    /// Owners of this master's clients are numbered from here, above all that were before.
    core::OwnerId first_owner{1};
    /// The run is that of a program, whose tasks can be submitted by name.
    bool has_functions = false;
    /// How drover is called on other hosts, when hosts may offer themselves: see HostOffers. Empty: they may not.
    std::vector<std::string> host_program;
  };

  /// The arguments outlive the desk. Throws Error when another master serves the run.
  ControlDesk(Options options, const StatusBoard& board, Recruiter& recruiter);

  /// Takes what clients ask for and returns what it means for the scheduler, in order.
  [[nodiscard]] std::vector<core::Event> take_requests(const core::Scheduler& scheduler, core::Time now);

  /// Somebody has said that nothing more will be submitted, and all that was submitted before is taken.
  [[nodiscard]] bool is_closed() const { return is_closed_ && waiting_submissions_.empty(); }

  /// Readable when take_requests() has something to do.
  [[nodiscard]] int fd() const { return server_.fd(); }

  // What comes of groups.
  void on_note(RecruitId recruit, const std::string& text);
  void on_failed(RecruitId recruit, const std::string& reason);
  void on_launched(RecruitId recruit, support::UniqueFd channel);
  void on_accepting(RecruitId recruit, const std::string& port);
  void on_arrived(RecruitId recruit, core::GroupId group);

  /// Whether a client waits for the results of this owner's tasks.
  [[nodiscard]] bool is_waited_for(core::OwnerId owner) const { return submissions_.contains(owner); }
  /// The result of a task of such an owner.
  void deliver(const core::command::Deliver& delivery, const journal::StoredOutput& output);

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_progress(const wire::Progress& progress, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

  /// Hosts that want to take part in the run, or leave it; null where they cannot.
  [[nodiscard]] const HostOffers* host_offers() const { return host_offers_ ? &*host_offers_ : nullptr; }

  /// The run is over, or moves to another MPI job: tells those who wait.
  void close();

  void on_request(control::RequestRef from, control::Request request) override;
  void on_gone(control::ClientId client) override;

 private:
  static constexpr std::chrono::milliseconds kCloseGrace{500};

  /// Tasks of a client that waits for them, or at least for their numbers.
  struct Submission {
    control::RequestRef from;
    std::size_t num_tasks = 0;
    bool waits = false;
    core::TaskId first;
    std::size_t num_accepted = 0;
    std::size_t num_succeeded = 0;
    std::size_t num_unsuccessful = 0;
  };
  /// Groups that a client asked for, or one that announced itself.
  struct Hiring {
    control::RequestRef from;
    bool is_joiner = false;
    std::set<RecruitId> on_their_way;
    std::map<core::GroupId, std::set<core::WorkerId>> to_announce;  ///< members that have not done so
    std::vector<control::reply::ScaleAdded> added;
    std::string failures;
    bool is_answered = false;
  };
  struct Leaving {
    control::RequestRef from;
    std::set<core::WorkerId> workers;
    control::reply::Drained drained;
  };

  void take(control::RequestRef from, const control::request::Status& request);
  void take(control::RequestRef from, control::request::Submit& request);
  void take(control::RequestRef from, const control::request::Close& request);
  void take(control::RequestRef from, const control::request::ScaleAdd& request);
  void take(control::RequestRef from, const control::request::Drain& request);
  void take(control::RequestRef from, const control::request::Cancel& request);
  void take(control::RequestRef from, const control::request::Stop& request);
  void take(control::RequestRef from, const control::request::Explain& request);
  void take(control::RequestRef from, const control::request::JoinAnnounce& request);

  void on(const core::fact::TaskAccepted& fact);
  void on(const core::fact::AttemptEnded& fact);
  void on(const core::fact::GroupFormed& fact);
  void on(const core::fact::WorkerJoined& fact);
  void on(const core::fact::WorkerEnded& fact);
  void on(const core::fact::GroupEnded& fact);
  void on(const core::fact::TaskEnded& fact);
  template <class Other>
  void on(const Other&) {}

  void take_waiting_submissions();
  void answer(const std::vector<OfferReply>& replies);
  [[nodiscard]] std::vector<core::WorkerId> members(
      const std::variant<core::GroupId, core::WorkerId, control::HostName>& target) const;
  void forget_announcement(core::WorkerId worker, const std::string& reason);
  [[nodiscard]] control::reply::JoinEnded::How how_the_run_ends() const;
  void settle(Hiring& hiring);

  Options options_;
  const StatusBoard& board_;
  Recruiter& recruiter_;
  control::ControlServer server_;

  // Within take_requests().
  const core::Scheduler* scheduler_ = nullptr;
  core::Time now_{};
  std::vector<core::Event> events_;

  bool is_closed_ = false;
  core::OwnerId next_owner_;
  SubmissionQueue waiting_submissions_;
  std::map<core::OwnerId, Submission> submissions_;
  std::map<core::TaskId, core::fact::AttemptEnded> results_;  ///< of tasks of submissions, until delivered
  std::map<core::WorkerId, std::string> hosts_;
  std::vector<Hiring> hirings_;
  std::vector<Leaving> leavings_;
  std::map<control::ClientId, RecruitId> launched_;  ///< by the recruiter: each speaks for a group that was asked for
  std::map<core::GroupId, control::RequestRef> joined_;  ///< told when their group ends
  std::optional<HostOffers> host_offers_;
};

}  // namespace drover::runtime
