// What a client can ask of a running master, as plain values. How they look on the wire: protocol.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/task.hpp"

namespace drover::control {

/// One connection to a master; never given to another.
using ClientId = support::StrongId<struct ClientTag, std::uint64_t>;
/// One request, unique in the life of a server; not the number that the client gave it.
using RequestId = support::StrongId<struct RequestTag, std::uint64_t>;

/// Whom a reply goes to.
struct RequestRef {
  ClientId client;
  RequestId request;

  friend constexpr auto operator<=>(const RequestRef&, const RequestRef&) = default;
};

/// A machine, and how many commands may run there at once (of spawned ranks: how many there may be).
struct HostSlots {
  std::string host;
  std::uint32_t num_slots = 1;

  friend bool operator==(const HostSlots&, const HostSlots&) = default;
};

/// How a group is to come in: `automatic` leaves it to the master.
enum class WayIn : std::uint8_t { automatic, spawn, join };

/// `first` to `last`, both included.
struct TaskRange {
  core::TaskId first;
  core::TaskId last;

  friend bool operator==(const TaskRange&, const TaskRange&) = default;
};

struct HostName {
  std::string name;

  friend bool operator==(const HostName&, const HostName&) = default;
};

namespace request {

/// Who is there? Answered by the server itself, so it shows that the master is not stuck.
struct Hello {};

/// Follow the run: every event from now on. Served by the server itself, see ControlServer::publish().
struct Events {};

/// -> reply::Status
struct Status {};

/// Further tasks. -> reply::Submitted once they are in the journal; with `wait` that is followed by a
/// reply::TaskResult for each of them as it ends, and by reply::SubmitEnd when all have ended.
struct Submit {
  std::vector<core::TaskSpec> tasks;  ///< at least one; what a function returns is its output
  bool wait = false;
};

/// Nothing more will be submitted: a run that was kept open ends when all is done. -> reply::Closed
struct Close {};

/// A further group. -> reply::Note any number of times, then reply::ScaleAdded once it works.
struct ScaleAdd {
  std::vector<HostSlots> hosts;  ///< empty: here, or on free slots of the allocation
  /// Number of ranks, on each of the hosts if there are some; 0 (only with these): one.
  std::uint32_t population = 0;
  /// Commands at once on each rank; 0: as the run has it, and on hosts, its share of their slots.
  std::uint32_t slots_per_worker = 0;
  WayIn via = WayIn::automatic;
};

/// -> reply::Draining; with `wait` that is followed by reply::Drained when the last has left.
struct Drain {
  std::variant<core::GroupId, core::WorkerId, HostName> target;
  bool now = false;  ///< hand back what executes too
  bool wait = false;
};

/// -> reply::Cancelled
struct Cancel {
  std::vector<TaskRange> tasks;  ///< at least one; may name tasks that are unknown or have ended
};

/// Dispatch nothing more; `now`: end what executes too. -> reply::Stopping
struct Stop {
  bool now = false;
};

/// Why is it not running, what happened to it? -> reply::Explanation
struct Explain {
  std::variant<core::TaskId, HostName> subject;
};

/// A group that its own mpirun started wants to come in. -> reply::JoinAccepted once the master is
/// ready to accept; where reply::Hello::takes_hosts, a host is offered: -> reply::ScaleAdded once ranks that the master
/// started work there. Until then, and until it has connected, it stays on the line: when the connection
/// closes (RequestHandler::on_gone), the group is no longer there.
struct JoinAnnounce {
  std::string host;
  std::string drover_version;
  std::int32_t pid = 0;
  std::uint32_t population = 1;
  std::uint32_t slots_per_worker = 1;
};

}  // namespace request

/// What a RequestHandler has to answer.
using Request = std::variant<request::Status, request::Submit, request::Close, request::ScaleAdd, request::Drain,
                             request::Cancel, request::Stop, request::Explain, request::JoinAnnounce>;

/// What a client can send.
using AnyRequest = std::variant<request::Hello, request::Events, Request>;

}  // namespace drover::control
