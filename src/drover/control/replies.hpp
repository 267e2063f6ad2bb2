// What a master answers, as plain values. How they look on the wire: protocol.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/control/requests.hpp"
#include "drover/core/counts.hpp"
#include "drover/core/facts.hpp"

namespace drover::control {

enum class RunPhase : std::uint8_t {
  starting,  ///< no worker has come yet
  running,
  waiting,   ///< nothing to do, and more may come
  stopping,  ///< nothing more is dispatched
  closing,   ///< workers are leaving
};

enum class GroupState : std::uint8_t {
  starting,  ///< asked for, not all of it is there
  running,
  draining,
  left,  ///< as it was asked to
  lost,
};

enum class WorkerState : std::uint8_t {
  idle,
  busy,
  draining,
  silent,  ///< late with its sign of life, not given up yet
};

struct GroupStatus {
  core::GroupId group;
  core::GroupSource source{};
  GroupState state = GroupState::running;
  std::uint32_t population = 0;   ///< ranks that it came with
  std::uint32_t num_workers = 0;  ///< ranks that are there
  std::uint32_t num_lost = 0;
  std::uint32_t num_slots = 0;
  std::uint32_t num_busy_slots = 0;
  core::Duration age{};
};

struct WorkerStatus {
  core::WorkerId worker;
  core::GroupId group;
  std::string host;
  std::int32_t pid = 0;
  WorkerState state = WorkerState::idle;
  std::uint32_t num_slots = 0;
  std::uint32_t num_executing = 0;
  std::uint32_t num_held = 0;  ///< dispatched to it, those that execute included
  core::Duration silent_for{};
};

/// A host that lost too many workers to be given another.
struct QuarantinedHost {
  std::string host;
  std::string reason;
};

/// Where in a file of the output directory one stream of a task lies; see journal::Extent.
struct OutputExtent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const OutputExtent&, const OutputExtent&) = default;
};

/// Why a request was not done.
enum class ErrorCode : std::uint8_t {
  bad_request,        ///< not understood; `expected` says what would be
  other_protocol,     ///< of another protocol version
  too_long,           ///< a line of more than kMostLineBytes; the connection is closed
  too_many_requests,  ///< more than kMostOpenRequests of this client are unanswered
  too_many_clients,   ///< the connection is closed
  not_yours,          ///< another user's run; the connection is closed
  unknown_target,     ///< no such task, worker, group or host
  impossible,         ///< understood, but not in this state of the run, or not with this MPI
  failed,             ///< tried, and it did not work
  run_over,           ///< the run ended first
};

namespace reply {

struct Hello {
  std::string drover_version;
  std::string run_id;
  std::string run_dir;
  std::string host;
  std::int32_t pid = 0;
  /// What a group that wants to join gives its mpirun as --ompi-server; empty: none can join, see `join_obstacle`.
  std::string name_server;
  /// No joining, but a group's own process may offer its host by request::JoinAnnounce: the master starts ranks there,
  /// by ssh, in the next MPI job.
  bool takes_hosts = false;
  /// Why no group can join.
  std::string join_obstacle;
  /// The library and its version, which a group must have too.
  std::string mpi_version;
};

struct Status {
  RunPhase phase = RunPhase::running;
  std::string run_id;
  std::string run_dir;
  std::string host;  ///< the master's
  std::int32_t pid = 0;
  core::Duration elapsed{};
  bool is_kept_open = false;    ///< for submissions, until somebody closes it
  bool is_input_ended = false;  ///< the number of tasks is known
  core::Counts counts;
  double tasks_per_second = 0;  ///< lately
  std::optional<core::Duration> mean_runtime;
  std::optional<core::Duration> remaining;  ///< estimated
  std::uint64_t num_slots = 0;
  std::vector<GroupStatus> groups;  ///< those that are there, and those that went lately
  std::vector<WorkerStatus> workers;
  std::vector<QuarantinedHost> quarantined_hosts;
  /// What a user should know, a sentence each: "no further group can be spawned: ...".
  std::vector<std::string> notices;
};

/// The tasks have their numbers, in the order of the request, and are safe.
struct Submitted {
  core::TaskId first;
  core::TaskId last;
  /// Where TaskResult::out and ::err lie, as journal::OutputReader wants to know it.
  std::string output_dir;
  bool has_file_per_task = false;
};

/// The output is not in the reply but in the output directory: a client is on the master's machine.
struct TaskResult {
  core::TaskId task;
  core::TaskEnd how{};
  std::string tag;
  /// The attempt whose outcome is the task's; 0: none, and what follows says nothing.
  std::uint32_t attempt = 0;
  std::string outcome;  ///< as core::describe() has it
  int exit_value = 0;
  int signal = 0;
  std::string host;
  core::Duration runtime{};
  OutputExtent out;
  OutputExtent err;
};

/// All tasks of a `wait`ing submission have ended.
struct SubmitEnd {
  std::uint64_t num_succeeded = 0;
  std::uint64_t num_unsuccessful = 0;
};

struct Closed {
  std::uint64_t num_unfinished = 0;
};

struct ScaleAdded {
  core::GroupId group;
  WayIn via = WayIn::spawn;
  std::uint32_t num_workers = 0;
  std::vector<HostSlots> hosts;  ///< where they are
};

struct Draining {
  std::vector<core::WorkerId> workers;
};

struct Drained {
  std::uint32_t num_left = 0;
  std::uint32_t num_lost = 0;  ///< died before they could leave
};

struct Cancelled {
  std::uint64_t num_cancelled = 0;  ///< have ended so, or will as soon as their worker has ended them
  std::uint64_t num_ended_before = 0;
  std::uint64_t num_unknown = 0;
};

struct Stopping {
  std::uint64_t num_executing = 0;
  std::uint64_t num_unfinished = 0;
};

/// A sentence or two, or lines of history.
struct Explanation {
  std::string text;
};

struct JoinAccepted {
  std::string port;  ///< for MPI_Comm_connect
  core::GroupId group;
};

/// The last reply to request::JoinAnnounce of a group that had joined: it is no longer part of the run.
struct JoinEnded {
  enum class How : std::uint8_t {
    left,          ///< as it was asked to, or the run has come to its end
    wanted_again,  ///< the master has given it up, or goes on in another MPI job, and would have it again
    work_left,     ///< the run has stopped with work left: a master that takes it up again would have it
  };
  How how = How::left;
};

/// What is being waited for.
struct Note {
  std::string text;
};

/// The answer to request::Events; events follow.
struct Subscribed {};

/// One event as it stands in events.jsonl: a JSON object.
struct Event {
  std::string json;
};

/// The client read too slowly: so many replies to this request were not sent.
struct Missed {
  std::uint64_t num_replies = 0;
};

/// The last reply to request::Events.
struct RunOver {};

struct Refused {
  ErrorCode code = ErrorCode::failed;
  std::string message;
  std::string expected;  ///< for bad_request: what would be understood
};

}  // namespace reply

using Reply = std::variant<reply::Hello, reply::Status, reply::Submitted, reply::TaskResult, reply::SubmitEnd,
                           reply::Closed, reply::ScaleAdded, reply::Draining, reply::Drained, reply::Cancelled,
                           reply::Stopping, reply::Explanation, reply::JoinAccepted, reply::JoinEnded, reply::Note,
                           reply::Subscribed, reply::Event, reply::Missed, reply::RunOver, reply::Refused>;

}  // namespace drover::control
