// The master: joins scheduler, transport, journal, input and outputs.
//
// One turn: take what has arrived -> let the scheduler handle it -> keep outputs and record all facts
// -> perform the commands -> wait. Nothing that anybody can see precedes its record. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drover/core/scheduler.hpp"
#include "drover/journal/journal.hpp"
#include "drover/runtime/auto_allocator.hpp"
#include "drover/runtime/control_desk.hpp"
#include "drover/runtime/function_desk.hpp"
#include "drover/runtime/observer.hpp"
#include "drover/runtime/process_watch.hpp"
#include "drover/runtime/recruiter.hpp"
#include "drover/runtime/result_sink.hpp"
#include "drover/runtime/run_end.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/task_source.hpp"
#include "drover/runtime/waiter.hpp"
#include "drover/transport/mpi_transport.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

struct MasterOptions {
  /// Where the run goes on.
  core::Snapshot start;
  core::Policy policy;
  core::ExecProfile profile;
  /// What tasks are to see of the variables that launchers set too (exec/launcher_variables.hpp).
  std::vector<std::string> origin;
  /// How often a worker says something at least, and the master to each worker.
  core::Duration heartbeat = std::chrono::seconds(1);
  /// How long a worker goes on without a word from the master.
  core::Duration master_lease = std::chrono::seconds(30);
  /// Bytes of output that each worker may have on the way.
  std::uint64_t output_window = 1U << 20;
  /// How many workers came with the master: the other ranks of its world.
  std::uint32_t num_world_workers = 0;
  /// Where further workers are to come from at the start, if anywhere; and who is told, a line each, of those that do
  /// not come.
  control::request::ScaleAdd hosts;
  std::function<void(const std::string&)> say;
  /// Told of other hosts that have joined because somebody asked for them, and of those that have left again.
  std::function<void(const control::HostSlots&)> on_host_came;
  std::function<void(const std::string&)> on_host_left;
  /// When the run must have ended, if it must.
  std::optional<core::Time> time_end;
  /// Whether somebody starts another MPI job that goes on with the run.
  bool can_roll_over = false;
  /// The mpirun of this MPI job, where another can follow: its SIGTERM says that the job has to end.
  std::optional<pid_t> launcher;
  /// SIGTERM says that the time is up, as in a Slurm job, not that a person wants the run to stop.
  bool ends_by_sigterm = false;
  /// Go on when everything is done, until somebody says that nothing more will be submitted.
  bool keep_open = false;
  /// Every rank must run this version of drover.
  std::string drover_version;
};

/// Everything given to the constructor must outlive the loop.
struct MasterPorts {
  transport::MpiTransport& transport;
  Recruiter& recruiter;
  ControlDesk& desk;
  TaskSource& source;
  journal::Journal& journal;
  ResultSink& results;
  std::vector<Observer*> observers;
  SignalInbox& signals;
  /// Of a program whose code submits tasks; null: there is none.
  FunctionDesk* functions = nullptr;
  /// One of the observers; null: the run submits no jobs.
  const AutoAllocator* allocator = nullptr;
};

class MasterLoop {
 public:
  MasterLoop(MasterOptions options, MasterPorts ports);

  /// Runs the batch to its end. Does not throw for what goes wrong on the way: see RunEnd::failure.
  [[nodiscard]] RunEnd run();

 private:
  /// What may be seen of a turn once it is safe.
  using Consequences = std::vector<core::command::Deliver>;
  struct WorkerLink {
    std::uint64_t num_bytes_to_ack = 0;
    core::Time last_sent{};
  };

  void turn();
  void handle(const core::Event& event);
  bool take_messages();
  void take(const transport::Received& received);
  void take(core::WorkerId from, wire::Hello& hello);
  void take(core::WorkerId from, wire::Report& report);
  void show_values(core::WorkerId from, const std::vector<core::AttemptResult>& ended);
  void take(core::WorkerId from, const wire::Goodbye&) { handle(core::event::WorkerLeft{from}); }
  void take(core::WorkerId from, wire::Submit& submit);
  void take(core::WorkerId from, const wire::Withdraw& withdraw);
  void take(core::WorkerId from, const wire::Fetch& fetch);
  void take(core::WorkerId from, const wire::Progress& progress);
  void take(core::WorkerId from, const wire::Remark& remark);
  template <class Unexpected>
  void take(core::WorkerId from, const Unexpected& unexpected);
  void take_deaths(const std::vector<core::WorkerId>& ended);
  void take_requests();
  void take_calls();
  void ask_for_hosts();
  void take_recruits();
  void take(recruit::Note& note);
  void take(recruit::Failed& failed);
  [[nodiscard]] bool roll_over_if_needed(const std::string& reason);
  void judge_hosts();
  void take(recruit::Launched& launched);
  void take(recruit::Accepting& accepting);
  void take(recruit::Arrived& arrived);
  void take_input();
  void pull_input(std::size_t most);
  void end_input();
  void look_for_more_input();
  void take_signals();
  void judge_pressure();
  void judge_prospects();
  void report_lack_of_workers();
  void commit();
  void release(const std::vector<journal::Turn>& turns);
  void stop(core::StopReason reason, bool kill);
  void fail(const std::string& reason);

  void perform(const core::command::Welcome& command);
  void perform(core::command::SendTicket& command);
  void perform(const core::command::Recall& command);
  void perform(const core::command::Kill& command);
  void perform(const core::command::Drain& command);
  void perform(const core::command::Forget& command);
  void perform(const core::command::ReleaseGroup& command);
  void perform(const core::command::Grow& command);
  void perform(const core::command::Fence& command);
  void perform(const core::command::Deliver& command);
  void perform(const core::command::DiscardOutput& command);

  void send(core::WorkerId to, const wire::Message& message);
  void acknowledge_output();
  void keep_in_touch();
  void wait();
  void evacuate();

  MasterOptions options_;
  bool is_input_at_end_;  ///< the source has said so, or an earlier session has seen it
  bool is_input_ended_;   ///< and nothing more will be submitted
  MasterPorts ports_;
  core::Scheduler scheduler_;
  Waiter waiter_;
  core::Time now_;
  core::Outbox outbox_;
  std::deque<Consequences> unsafe_;  ///< of each turn that the journal has not made safe
  std::size_t num_unsafe_facts_ = 0;
  std::size_t num_unsafe_deliveries_ = 0;
  std::map<core::WorkerId, WorkerLink> links_;
  std::string pid_scope_;
  ProcessWatch processes_;
  /// How the members of groups that came later are addressed: from this one on.
  std::map<core::GroupId, core::WorkerId> first_members_;
  core::WorkerId first_late_worker_;
  std::map<core::GroupId, std::string> launched_on_;  ///< hosts of groups that somebody asked for
  std::set<RecruitId> growths_;                       ///< asked for by the scheduler
  std::set<RecruitId> first_hosts_;                   ///< on their way since the start
  std::string missing_hosts_;                         ///< why some of them do not come
  bool has_host_come_ = false;                        ///< one of them has
  bool is_input_waiting_ = false;                     ///< would_block: wait for its descriptor
  bool is_held_ = false;
  bool awaits_workers_ = false;
  bool lacks_workers_ = false;
  bool was_active_ = false;
  int num_interrupts_ = 0;
  std::optional<int> signal_;
  bool is_hastened_ = false;  ///< the move to a new MPI job
  std::string rollover_reason_;
  std::string failure_;
};

}  // namespace drover::runtime
