// What master and workers say to each other: plain structs, and their form as bytes.
//
// Between a pair, messages arrive in the order in which they were sent. A worker opens with Hello;
// the master answers Welcome, or Drain to one that it does not want. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "drover/core/events.hpp"
#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"
#include "drover/core/task.hpp"
#include "drover/support/error.hpp"
#include "drover/support/strong_id.hpp"

namespace drover::wire {

/// A message that cannot be understood: damaged, or of another protocol version. Says which.
class DecodeError : public Error {
 public:
  using Error::Error;
};

// Worker to master.

struct Hello {
  std::string drover_version;
  std::string host;
  std::int32_t pid = 0;
  /// Within which `pid` means something: processes of one scope can see each other.
  std::string pid_scope;
  std::uint32_t num_slots = 1;
  friend bool operator==(const Hello&, const Hello&) = default;
};

struct OutputChunk {
  /// None: functions of the worker have printed it, and nobody knows which.
  std::optional<core::AttemptId> attempt;
  core::Stream stream = core::Stream::out;
  std::string bytes;
  friend bool operator==(const OutputChunk&, const OutputChunk&) = default;
};

/// What has happened since the last report; all empty: a sign of life. The output of an attempt
/// comes before, or in, the report of its end.
struct Report {
  std::vector<OutputChunk> outputs;
  std::vector<core::AttemptId> started;
  std::vector<core::AttemptResult> ended;
  std::vector<core::AttemptId> handed_back;
  std::uint32_t num_waiting = 0;
  friend bool operator==(const Report&, const Report&) = default;
};

/// A task that a task on this worker made.
struct SubmittedCall {
  std::uint64_t number = 0;  ///< the worker's own, by which its end is told
  core::TaskSpec spec;
  friend bool operator==(const SubmittedCall&, const SubmittedCall&) = default;
};

/// Comes before the report of the end of the task that made them.
struct Submit {
  std::vector<SubmittedCall> calls;
  friend bool operator==(const Submit&, const Submit&) = default;
};

/// Tasks that may be on their way without an acknowledgement.
inline constexpr std::uint64_t kCallWindow = 4096;

/// These tasks of the worker's are not wanted any more.
struct Withdraw {
  std::vector<std::uint64_t> calls;
  friend bool operator==(const Withdraw&, const Withdraw&) = default;
};

/// How far an attempt has come, as its function says.
struct Progress {
  core::AttemptId attempt;
  double fraction = 0;  ///< of its work
  std::string text;
  friend bool operator==(const Progress&, const Progress&) = default;
};

/// Something about its host, or about what it executes, that people should know.
struct Remark {
  std::string text;
  friend bool operator==(const Remark&, const Remark&) = default;
};

/// The last word of a worker that leaves.
struct Goodbye {
  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

// Master to worker.

struct Welcome {
  core::WorkerId worker;
  core::GroupId group;
  std::uint32_t first_job_slot = 1;
  core::ExecProfile profile;
  /// What the user, or the Slurm job, had of the variables that launchers set too (exec/launcher_variables.hpp).
  std::vector<std::string> origin;
  core::Duration heartbeat{};
  core::Duration master_lease{};
  /// Bytes of output that a worker may have sent beyond those acknowledged.
  std::uint64_t output_window = 0;
  /// Short functions that it may start ahead of their turn, for each slot.
  std::uint32_t max_ahead = 0;
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

struct Ticket {
  std::vector<core::Assignment> assignments;
  friend bool operator==(const Ticket&, const Ticket&) = default;
};

/// Hand these back unless they have begun.
struct Recall {
  std::vector<core::AttemptId> attempts;
  friend bool operator==(const Recall&, const Recall&) = default;
};

/// End these if they execute, hand them back if not.
struct Kill {
  std::vector<core::AttemptId> attempts;
  friend bool operator==(const Kill&, const Kill&) = default;
};

/// Finish what executes (`now`: end it), hand back the rest, leave. `reason` when it is not the
/// normal end of a run: for the worker's log.
struct Drain {
  bool now = false;
  std::string reason;
  friend bool operator==(const Drain&, const Drain&) = default;
};

/// This much output has been taken care of.
struct OutputAck {
  std::uint64_t num_bytes = 0;
  friend bool operator==(const OutputAck&, const OutputAck&) = default;
};

/// The end of a task that this worker submitted.
struct SettledCall {
  std::uint64_t number = 0;
  /// None: the run stops before.
  std::optional<core::TaskEnd> how;
  core::Outcome outcome;
  std::uint32_t num_attempts = 0;
  std::string value;
  friend bool operator==(const SettledCall&, const SettledCall&) = default;
};

struct Settled {
  std::vector<SettledCall> calls;
  friend bool operator==(const Settled&, const Settled&) = default;
};

/// How far a task that this worker submitted has come.
struct Advanced {
  std::uint64_t number = 0;
  double fraction = 0;  ///< of its work
  std::string text;
  friend bool operator==(const Advanced&, const Advanced&) = default;
};

/// There is room for so many more submitted tasks.
struct SubmitAck {
  std::uint64_t num_calls = 0;
  friend bool operator==(const SubmitAck&, const SubmitAck&) = default;
};

/// The master's sign of life.
struct Ping {
  friend bool operator==(const Ping&, const Ping&) = default;
};

// Values that many tasks use, from where they are to where they are wanted.

/// A value that was broadcast, in its run.
using ValueId = support::StrongId<struct ValueTag, std::uint64_t>;

/// The next piece of this value, please.
struct Fetch {
  ValueId value;
  std::uint64_t offset = 0;
  friend bool operator==(const Fetch&, const Fetch&) = default;
};

/// The answer.
struct Piece {
  ValueId value;
  bool is_there = true;    ///< else it has been let go, and what follows says nothing
  std::uint64_t size = 0;  ///< of the whole
  std::string bytes;
  friend bool operator==(const Piece&, const Piece&) = default;
};

/// Nobody will ask for these any more.
struct Release {
  std::vector<ValueId> values;
  friend bool operator==(const Release&, const Release&) = default;
};

// Between a worker and a process that executes a function for it: this, Kill, Settled, Advanced, SubmitAck and Piece
// there; Submit, Withdraw, Fetch, Progress and Report back.

/// Execute this, and end.
struct Call {
  core::Assignment assignment;
  std::uint32_t slot = 1;      ///< on the worker
  std::uint32_t job_slot = 1;  ///< over the whole farm
  core::WorkerId worker;
  core::GroupId group;
  std::string host;
  friend bool operator==(const Call&, const Call&) = default;
};

using Message = std::variant<Hello, Report, Goodbye, Welcome, Ticket, Recall, Kill, Drain, OutputAck, Ping, Submit,
                             Withdraw, Settled, Call, Fetch, Piece, Release, SubmitAck, Progress, Advanced, Remark>;

/// The message in an envelope, ready to be sent.
[[nodiscard]] std::string encode(const Message& message);

/// Throws DecodeError on anything that encode() of this protocol version did not produce.
[[nodiscard]] Message decode(std::span<const char> bytes);

}  // namespace drover::wire
