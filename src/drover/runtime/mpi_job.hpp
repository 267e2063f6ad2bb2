// One MPI job of a run under its supervisor: mpirun and all that it starts here, from the start to the end of the last
// process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/meeting_point.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/supervisor_link.hpp"
#include "drover/runtime/wait_notice.hpp"

namespace drover::runtime {

/// How an MPI job came to its end.
struct JobEnd {
  /// What the master said.
  std::optional<int> exit_status;
  /// The first by which somebody asked for the end, whoever heard of it.
  std::optional<int> signal;
  HostChanges changes;  ///< for the next
  bool has_progressed = false;
  /// It died by itself, soon after its master had come or before: the next would be likely to do the same.
  bool is_early_death = false;
  /// Why it ended without a status.
  std::string reason;
  std::string diagnostics;  ///< the last that mpirun said
};

class MpiJob {
 public:
  struct Options {
    std::vector<std::string> command;
    /// How long the master may take to end after a second signal.
    core::Duration stop_limit{};
    /// Told where the run is kept, once the master has said so.
    std::function<void(const std::string& run_dir)> on_run;
    /// Told, in a line, what is waited for and what is not as it should be.
    std::function<void(const std::string&)> say;
  };

  /// Starts it. The signals are passed on to the master; the meeting point is watched for it. The calling process has
  /// one thread, and no children but these. Throws drover::Error when mpirun cannot be started.
  MpiJob(Options options, SignalInbox& signals, MeetingPoint& meeting_point);
  /// Ends what is left of it.
  ~MpiJob();
  MpiJob(const MpiJob&) = delete;
  MpiJob& operator=(const MpiJob&) = delete;

  /// Blocks until all its processes here have ended, which the second signal brings about within the limit, the third
  /// one at once.
  [[nodiscard]] JobEnd run();

 private:
  void wait_for_something(core::Time now);
  void take_words();
  void take_signals();
  void watch_meeting_point();
  void say_what_is_waited_for(core::Time now);
  void end_in_time(core::Time now);
  void say_why_by_force();
  void signal_all(int number) const;
  void reap_orphans();
  [[nodiscard]] std::vector<pid_t> processes() const;
  [[nodiscard]] std::string awaited() const;
  [[nodiscard]] bool has_begun() const { return !listener_.run_dir().empty(); }
  [[nodiscard]] bool is_over() const { return listener_.exit_status() || listener_.rollover_reason(); }
  [[nodiscard]] std::optional<core::Time> end_due(core::Time now);
  [[nodiscard]] JobEnd end() const;

  Options options_;
  SignalInbox& signals_;
  MeetingPoint& meeting_point_;
  SupervisorListener listener_;
  ChildProcess mpirun_;
  core::Time started_;
  WaitNotice start_notice_{started_};
  std::string said_;  ///< what mpirun had printed when it was shown last
  bool is_master_gone_ = false;
  std::optional<int> first_signal_;
  std::optional<core::Time> signalled_at_;  ///< by the last one that is to stop the run
  int num_stops_ = 0;
  std::optional<core::Time> over_since_;
  std::optional<core::Time> ended_since_;  ///< mpirun
  std::optional<core::Time> next_step_;    ///< once the end is brought about: when with more force
};

}  // namespace drover::runtime
