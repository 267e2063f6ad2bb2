// When a run submits jobs to the batch system of its cluster, whose nodes then join it, and when it does not.
//
// A job is worth its while when tasks have kept waiting for a slot for some time and there is work left for
// as long again. At most one job waits in the batch system's queue; the next is not submitted before it has
// begun. What a job may cost at most is set aside when it is submitted, and what it did cost is charged when
// it has ended: the cap on node-time holds at every moment.
// Pure, not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/support/duration.hpp"

namespace drover::core {

class Scheduler;

struct AutoAllocPolicy {
  /// Tasks must have waited for a slot for so long without a break.
  Duration patience = std::chrono::minutes(1);
  /// Of each job.
  std::uint32_t num_nodes = 1;
  Duration job_limit = std::chrono::hours(1);
  /// Waiting and running at a time.
  std::uint32_t max_jobs = 4;
  /// Nodes times time, of all jobs of the run together.
  Duration max_node_time = std::chrono::hours(24);
  /// Submissions, with those that failed, over the whole run.
  std::uint32_t max_tries = 20;
  /// Pause after a submission that failed, or a job that came to nothing; doubles with each in a row.
  Duration retry_delay = std::chrono::seconds(30);
  /// The run itself ends then, if it has a limit.
  std::optional<Time> run_end;
};

/// Work that no slot has begun.
struct Backlog {
  std::uint64_t num_waiting = 0;
  /// For so long the slots that are there have work; none: for longer than anybody knows.
  std::optional<Duration> time_ahead;
  bool has_slots = true;
};

[[nodiscard]] Backlog backlog_of(const Scheduler& scheduler);

/// A job as the batch system lists it.
struct ListedJob {
  std::string id;
  /// For so long it has had its nodes; none: it waits for them.
  std::optional<Duration> time_used;
};

/// A job that was submitted: what it may cost.
struct JobSize {
  std::uint32_t num_nodes = 1;
  Duration limit{};

  [[nodiscard]] Duration node_time() const { return support::times(limit, num_nodes); }
};

/// A job that the batch system has no more.
struct EndedJob {
  std::string id;
  Duration node_time{};  ///< what it is charged with: never less than what it used
  bool has_joined = false;
};

class AutoAlloc {
 public:
  explicit AutoAlloc(AutoAllocPolicy policy) : policy_(policy) {}

  // What masters before this one did, as they recorded it.
  void recall_try() { ++num_tries_; }
  void recall_job(const std::string& id, JobSize size) { jobs_[id] = {size, {}, {}, false}; }
  void recall_end(const std::string& id, Duration node_time);

  void note(const Backlog& backlog, Time now);

  /// Why a job is to be submitted now; none: none is.
  [[nodiscard]] std::optional<std::string> due(Time now) const;
  /// Which cap is all that keeps a job from being submitted now; empty: none does.
  [[nodiscard]] std::string cap_reached(Time now) const;

  void on_submitting();
  void on_submitted(const std::string& id, Time now);
  /// It was refused, or nobody knows what became of it.
  void on_failed(Time now);

  /// All jobs of this run that the batch system has, those too that nobody knew of. Returns those that it
  /// has no more.
  [[nodiscard]] std::vector<EndedJob> on_listed(const std::vector<ListedJob>& listed, Time now);

  /// A group has joined: whatever failed before is forgiven.
  void on_joined(Time now);

  /// Whether workers may come of it: a job is there, or there may be another.
  [[nodiscard]] bool may_bring_workers() const { return is_submitting_ || has_jobs() || cap().empty(); }

  [[nodiscard]] JobSize job_size() const { return {policy_.num_nodes, policy_.job_limit}; }
  [[nodiscard]] bool has_jobs() const { return !jobs_.empty(); }
  [[nodiscard]] std::uint32_t num_tries() const { return num_tries_; }

 private:
  struct Job {
    JobSize size;
    std::optional<Time> last_waited;  ///< when it was last known to have no nodes; none: never by this master
    std::optional<Time> begun_at;
    bool has_joined = false;
  };

  [[nodiscard]] bool is_backlogged(Time now) const;
  [[nodiscard]] bool is_wanted(Time now) const;
  [[nodiscard]] std::string cap() const;
  [[nodiscard]] Duration node_time_set_aside() const;
  [[nodiscard]] bool is_any_waiting() const;
  static Duration charge(const Job& job, Time now);
  void back_off(Time now);

  AutoAllocPolicy policy_;
  std::map<std::string, Job> jobs_;
  Backlog backlog_;
  std::optional<Time> waiting_since_;
  Time not_before_{};
  Duration node_time_used_{};
  std::uint32_t num_tries_ = 0;
  std::uint32_t num_failures_in_a_row_ = 0;
  bool is_submitting_ = false;
};

}  // namespace drover::core
