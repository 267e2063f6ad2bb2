#include "drover/runtime/supervisor.hpp"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/meeting_point.hpp"
#include "drover/runtime/mpi_job.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

/// The pauses between jobs that come to nothing double up to this.
constexpr core::Duration kLongestDelay = std::chrono::minutes(1);
/// So many that died early, one after another and without a task that ended, have a reason that stays.
constexpr int kMostEarlyDeaths = 2;
constexpr int kInternalFailure = 125;
constexpr int kTimeIsUp = 124;

/// Where there is no master that would know better. Slurm's SIGTERM says that the time of the job is up.
int status_of_signal(int signal) {
  const bool is_time_up = signal == SIGUSR1 || (signal == SIGTERM && std::getenv("SLURM_JOB_ID") != nullptr);
  return is_time_up ? kTimeIsUp : 128 + signal;
}

class Supervisor {
 public:
  explicit Supervisor(SupervisorPlan plan)
      : plan_(std::move(plan)), meeting_point_(plan_.has_meeting_point, plan_.say) {}

  SupervisorResult run();

 private:
  [[nodiscard]] std::optional<int> start_job(JobEnd& end);
  [[nodiscard]] std::optional<SupervisorResult> judge(const JobEnd& end);
  [[nodiscard]] SupervisorResult stopped(int signal) const;
  [[nodiscard]] SupervisorResult failed(const std::string& why, const std::string& diagnostics) const;
  [[nodiscard]] std::optional<int> pause();

  SupervisorPlan plan_;
  SignalInbox signals_{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  MeetingPoint meeting_point_;
  MpirunCommand command_ = std::move(plan_.start);
  std::string run_dir_;  ///< once a master has said where its run is
  core::Duration delay_ = plan_.rollover_delay;
  unsigned num_rollovers_ = 0;
  int num_early_deaths_ = 0;
};

SupervisorResult Supervisor::run() {
  while (true) {
    JobEnd end;
    if (const std::optional<int> signal = start_job(end)) return stopped(*signal);
    if (end.exit_status) return {*end.exit_status, "", ""};
    if (end.signal) return stopped(*end.signal);
    if (const std::optional<SupervisorResult> result = judge(end)) return *result;
    if (end.changes.is_empty())
      if (const std::optional<int> signal = pause()) return stopped(*signal);
    try {
      command_ = plan_.resume(run_dir_, end.changes);
    } catch (const Error& e) {
      return failed(e.what(), "");
    }
  }
}

/// From its start to its end; or the signal that came before there was one.
std::optional<int> Supervisor::start_job(JobEnd& end) {
  std::vector<std::string> words = command_.words;
  if (const std::optional<std::string> uri = meeting_point_.prepare(signals_)) add_ompi_server(words, *uri);
  if (const std::optional<int> signal = signals_.next()) return signal;
  const auto take_run = [this](const std::string& run_dir) { run_dir_ = run_dir; };
  MpiJob job({std::move(words), plan_.stop_limit, take_run, plan_.say}, signals_, meeting_point_);
  if (const std::string& obstacle = meeting_point_.obstacle(); !obstacle.empty())
    plan_.say("no group can join this run: " + obstacle);
  end = job.run();
  return std::nullopt;
}

/// Whether there is to be another MPI job: then nothing, and it is said.
std::optional<SupervisorResult> Supervisor::judge(const JobEnd& end) {
  if (run_dir_.empty() || !plan_.resume) return failed(end.reason, end.diagnostics);
  num_early_deaths_ = end.is_early_death && !end.has_progressed ? num_early_deaths_ + 1 : 0;
  if (num_early_deaths_ >= kMostEarlyDeaths)
    return failed(end.reason + ", once more before a task had ended: that would only happen again", end.diagnostics);
  if (!end.changes.is_empty()) {
    plan_.say(end.reason + ": going on from the journal");
    return std::nullopt;
  }
  if (num_rollovers_ >= plan_.max_rollovers)
    return failed(end.reason + ", and " + std::to_string(num_rollovers_) + " rollovers were all there may be",
                  end.diagnostics);
  plan_.say(end.reason + ": going on from the journal (rollover " + std::to_string(++num_rollovers_) + " of " +
            std::to_string(plan_.max_rollovers) + ")");
  if (end.has_progressed) delay_ = plan_.rollover_delay;
  return std::nullopt;
}

SupervisorResult Supervisor::stopped(int signal) const {
  const std::string how = run_dir_.empty() ? "" : "stopped; go on with: " + plan_.resume_command(run_dir_);
  return {status_of_signal(signal), how, run_dir_};
}

SupervisorResult Supervisor::failed(const std::string& why, const std::string& diagnostics) const {
  return {kInternalFailure,
          why + (run_dir_.empty() ? "" : "; go on with: " + plan_.resume_command(run_dir_)) +
              (diagnostics.empty() ? "" : ":\n" + diagnostics),
          run_dir_};
}

/// Before a rollover; the signal if one says not to.
std::optional<int> Supervisor::pause() {
  const core::Time until = now() + delay_;
  delay_ = std::min(delay_ * 2, kLongestDelay);
  for (core::Time now = runtime::now(); now < until; now = runtime::now()) {
    pollfd polled{signals_.fd(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count()));
    if (const std::optional<int> signal = signals_.next()) return signal;
  }
  return std::nullopt;
}

}  // namespace

SupervisorResult supervise(SupervisorPlan plan) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
  return Supervisor(std::move(plan)).run();
}

}  // namespace drover::runtime
