// What passes between the master and each worker: late, in any order between pairs, in the order of
// sending within a pair. A pair is closed when its worker dies or is cut off.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <variant>

#include "drover/core/events.hpp"
#include "drover/core/worker_machine.hpp"
#include "plan.hpp"
#include "random.hpp"
#include "timeline.hpp"

namespace drover::simulation {

namespace message {

struct Hello {
  std::string host;
  std::uint32_t num_slots = 1;
};
struct Goodbye {};
/// Not of the worker: the transport's own word that it is lost.
struct PeerLost {
  std::string reason;
};
struct Ping {};

}  // namespace message

using ToMaster = std::variant<message::Hello, core::worker_command::Report, message::Goodbye, message::PeerLost>;
using ToWorker = std::variant<core::command::Welcome, core::command::SendTicket, core::command::Recall,
                              core::command::Kill, core::command::Drain, core::command::Fence, message::Ping>;

class Network {
 public:
  using MasterEnd = std::function<void(core::WorkerId, ToMaster)>;
  using WorkerEnd = std::function<void(ToWorker)>;

  Network(const Plan& plan, Random& random, Timeline& timeline) : plan_(plan), random_(random), timeline_(timeline) {}

  void attach_master(MasterEnd end) { master_ = std::move(end); }
  void attach_worker(core::WorkerId worker, WorkerEnd end);

  void to_master(core::WorkerId from, ToMaster message);
  void to_worker(core::WorkerId to, ToWorker message);

  /// Nothing passes any more, in either direction, but what the worker sent before; of that, the last
  /// messages are lost if `loses_last_words`.
  void close(core::WorkerId worker, bool loses_last_words);
  /// The transport's word on a worker, behind all else that comes from there.
  void tell_of(core::WorkerId worker, std::string reason);

 private:
  template <class Message>
  struct Lane {
    std::deque<Message> under_way;
    core::Time last_arrival{};
    bool is_closed = false;
  };
  struct Pair {
    WorkerEnd worker;
    Lane<ToMaster> up;
    Lane<ToWorker> down;
  };

  template <class Message>
  core::Time put(Lane<Message>& lane, Message message);

  const Plan& plan_;
  Random& random_;
  Timeline& timeline_;
  MasterEnd master_;
  std::map<core::WorkerId, Pair> pairs_;
};

}  // namespace drover::simulation
