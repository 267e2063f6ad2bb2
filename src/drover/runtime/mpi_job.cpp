// mpirun gets a session of its own: the terminal's Ctrl-C must reach the supervisor alone, because
// mpirun's answer to it is to kill every rank. What mpirun and the ranks say on their own standard
// streams is kept to explain a failure or a wait, and not shown otherwise.
//
// Orphans of a dead mpirun become the supervisor's children (it is their subreaper), so that it can
// find and end them.
//
// The end comes by itself, or is due: some time after the master said its status, when it is gone without a word, when
// the ranks do not come up, or by signals. Then all processes are told to end, and those that do not are killed.

#include "drover/runtime/mpi_job.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/joiner.hpp"
#include "drover/runtime/mpirun_words.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How long mpirun has to end after the master said its status, and then after each signal.
constexpr core::Duration kEndGrace = 5s;
constexpr core::Duration kKillGrace = 3s;
/// The same when we were told to terminate: whoever did so may not wait long.
constexpr core::Duration kTerminatedGrace = 500ms;
/// How long a master that has no run yet may take to hear of a signal.
constexpr core::Duration kYoungGrace = 2s;
/// How long ranks may take to come up.
constexpr core::Duration kStartLimit = 10min;
/// How long the system may take to end what was killed.
constexpr core::Duration kDeathLimit = 10s;
/// How often orphans are looked for, of which nobody tells.
constexpr core::Duration kLook = 20ms;
constexpr core::Duration kEarly = 1min;
constexpr core::Duration kLongestWait = 1h;

ChildProcess start(const std::vector<std::string>& command, const std::string& listener) {
  ChildProcess::Options child;
  child.command = command;
  child.unset = {kJoinVariable};
  child.env = {std::string(kSupervisorVariable) + "=" + listener};
  child.has_own_session = true;
  try {
    return ChildProcess(child);
  } catch (const Error& e) {
    throw Error(std::string(e.what()) + ": is Open MPI installed and in PATH?");
  }
}

}  // namespace

MpiJob::MpiJob(Options options, SignalInbox& signals, MeetingPoint& meeting_point)
    : options_(std::move(options)),
      signals_(signals),
      meeting_point_(meeting_point),
      mpirun_(start(options_.command, listener_.name())),
      started_(now()) {}

MpiJob::~MpiJob() {
  signal_all(SIGKILL);
}

JobEnd MpiJob::run() {
  while (true) {
    const core::Time now = runtime::now();
    end_in_time(now);
    say_what_is_waited_for(now);
    wait_for_something(now);
    take_words();
    take_signals();
    watch_meeting_point();
    mpirun_.poll();
    reap_orphans();
    if (!mpirun_.has_ended()) continue;
    if (!ended_since_) ended_since_ = now;
    if (!processes().empty() && now < *ended_since_ + kDeathLimit) continue;
    take_words();  // the last may have come since
    return end();
  }
}

void MpiJob::wait_for_something(core::Time now) {
  std::vector<pollfd> polled{{is_master_gone_ ? -1 : listener_.fd(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}};
  for (const std::vector<int>& fds : {mpirun_.fds(), meeting_point_.fds()})
    for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
  core::Time deadline = now + kLongestWait;
  if (next_step_)
    deadline = *next_step_;
  else if (const std::optional<core::Time> due = end_due(now))
    deadline = *due;
  if (!awaited().empty()) deadline = std::min(deadline, start_notice_.next());
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(std::max(deadline - now, core::Duration::zero()));
  ::poll(polled.data(), polled.size(), static_cast<int>(pause.count()));
}

void MpiJob::take_words() {
  if (is_master_gone_) return;
  const bool had_begun = has_begun();
  is_master_gone_ = !listener_.process();
  if (!had_begun && has_begun()) options_.on_run(listener_.run_dir());
}

/// The master knows what a signal means.
void MpiJob::take_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    if (!first_signal_) first_signal_ = signal;
    if (listener_.master_pid() && !is_master_gone_) ::kill(*listener_.master_pid(), *signal);
    if (*signal == SIGUSR1 && has_begun()) continue;
    ++num_stops_;
    signalled_at_ = now();
  }
}

void MpiJob::watch_meeting_point() {
  const std::optional<std::string> reason = meeting_point_.poll();
  if (!reason) return;
  listener_.say_no_join(*reason);
  if (!is_over()) options_.say(*reason + ": no group can join this MPI job any more");
}

/// What the ranks are still to do before there is a run; empty when there is one.
std::string MpiJob::awaited() const {
  if (has_begun() || is_master_gone_ || is_over() || mpirun_.has_ended() || next_step_) return "";
  if (!listener_.is_connected()) return "mpirun to start the ranks";
  if (!listener_.is_mpi_up()) return "all ranks to come up";
  return "the master to open the run";
}

void MpiJob::say_what_is_waited_for(core::Time now) {
  const std::string what = awaited();
  if (what.empty() || !start_notice_.is_due(now)) return;
  std::string line = "waiting for " + what + " (" + support::format_duration(start_notice_.age(now)) + ")";
  if (mpirun_.output() != said_) {
    said_ = mpirun_.output();
    line += "; mpirun says:\n" + said_;
    if (line.back() == '\n') line.pop_back();
  }
  options_.say(line);
}

/// When the end is to be brought about; nullopt: there is no reason to.
std::optional<core::Time> MpiJob::end_due(core::Time now) {
  std::optional<core::Time> due;
  const auto not_after = [&due](core::Time time) { due = due ? std::min(*due, time) : time; };
  if (is_over()) {
    if (!over_since_) over_since_ = now;
    not_after(*over_since_ + (first_signal_ == SIGTERM ? kTerminatedGrace : kEndGrace));
  }
  // What is left of a master that is gone without a word nobody needs.
  if ((is_master_gone_ && !is_over()) || mpirun_.has_ended() || num_stops_ > 2) not_after(now);
  if (!listener_.is_mpi_up()) not_after(started_ + kStartLimit);
  if (num_stops_ > 0 && !has_begun()) not_after(*signalled_at_ + (listener_.is_connected() ? kYoungGrace : 0s));
  if (num_stops_ == 2) not_after(*signalled_at_ + options_.stop_limit);
  return due;
}

void MpiJob::end_in_time(core::Time now) {
  if (!next_step_) {
    const std::optional<core::Time> due = end_due(now);
    if (!due || now < *due) return;
    say_why_by_force();
  } else if (now < *next_step_) {
    return;
  }
  // What an mpirun has left behind hears of its end from nobody, and comes to light one generation after another.
  const bool is_mild = !next_step_ && !mpirun_.has_ended();
  signal_all(is_mild ? SIGTERM : SIGKILL);
  next_step_ = now + (mpirun_.has_ended() ? kLook : kKillGrace);
}

/// Where somebody waits and cannot see why.
void MpiJob::say_why_by_force() {
  if (is_over() || is_master_gone_ || mpirun_.has_ended() || (num_stops_ > 0 && !has_begun())) return;
  options_.say(num_stops_ > 0 ? "the ranks do not end by themselves: ending them"
                              : "the ranks do not come up: giving up after " + support::format_duration(kStartLimit));
}

void MpiJob::signal_all(int number) const {
  for (const pid_t pid : processes()) {
    ::kill(pid, number);
    ::kill(pid, SIGCONT);  // one that was stopped would not hear of it
  }
}

/// Children of this process, which has one thread, but for the ompi-server.
std::vector<pid_t> MpiJob::processes() const {
  std::ifstream file("/proc/thread-self/children");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;)
    if (pid != meeting_point_.pid()) pids.push_back(pid);
  return pids;
}

void MpiJob::reap_orphans() {
  for (const pid_t pid : processes())
    if (pid != mpirun_.pid() || mpirun_.has_ended()) ::waitpid(pid, nullptr, WNOHANG);
}

JobEnd MpiJob::end() const {
  JobEnd end{listener_.exit_status(),
             first_signal_,
             listener_.host_changes(),
             listener_.has_progressed(),
             false,
             listener_.rollover_reason().value_or(""),
             mpirun_.output()};
  if (end.exit_status || !end.reason.empty()) return end;
  if (const std::optional<std::string> host = lost_host(end.diagnostics)) {
    end.reason = "host " + *host + " is lost, and the MPI job with it";
  } else {
    end.reason = !listener_.is_connected() ? "mpirun could not start the ranks"
                 : !listener_.is_mpi_up()  ? "the ranks did not come up"
                                           : "the master died before the batch was over";
    end.is_early_death = now() < started_ + kEarly;
  }
  end.reason += " (mpirun: " + describe_wait_status(mpirun_.wait_status()) + ")";
  return end;
}

}  // namespace drover::runtime
