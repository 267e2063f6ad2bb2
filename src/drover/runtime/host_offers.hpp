// Hosts that offer workers to a run whose MPI lets no group join. The master starts ranks there, in the next
// MPI job and in those that follow: that a host comes or leaves is a reason for a rollover.
//
//   offered -> its workers are here already ------------------> taking part
//          `-> probed -> to come with the next MPI job
//
// Who offers a host stays on the line of the control channel, and after a rollover offers it to the next master.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/control/replies.hpp"
#include "drover/control/requests.hpp"
#include "drover/core/scheduler.hpp"
#include "drover/runtime/host_probe.hpp"
#include "drover/runtime/supervisor_link.hpp"

namespace drover::runtime {

/// What there is to answer to an offer. Only `last` ends its request.
struct OfferReply {
  control::RequestRef to;
  control::Reply reply;
  bool is_last = false;
};

/// Used by the thread of the master's loop.
class HostOffers {
 public:
  /// `program` and `drover_version` as for HostProbe.
  HostOffers(std::vector<std::string> program, std::string drover_version)
      : program_(std::move(program)), drover_version_(std::move(drover_version)) {}

  void add(control::RequestRef from, OfferedHost host);
  /// Nobody is on the line for it any more: it does not come; its workers, if they are here, stay.
  void forget(control::ClientId client);
  /// A host that takes part is to be left out from the next MPI job on; `now`: without waiting for what executes.
  /// False when this client has offered none.
  bool leave(control::ClientId client, bool now);

  [[nodiscard]] std::vector<OfferReply> poll(const core::Scheduler& scheduler, core::Time now);
  /// To all that are left when the MPI job ends for another: offer again.
  [[nodiscard]] std::vector<OfferReply> close(control::reply::JoinEnded::How how);

  /// Why the run should move to a new MPI job; empty when nothing calls for it.
  [[nodiscard]] std::string rollover_reason(core::Time now) const;
  [[nodiscard]] bool is_in_haste() const { return is_in_haste_; }
  /// For that job.
  [[nodiscard]] HostChanges changes() const;

 private:
  enum class State {
    offered,
    probed,
    coming,
    here,
    leaving,
  };
  struct Offer {
    control::RequestRef from;
    OfferedHost host;
    State state = State::offered;
    std::optional<HostProbe> probe;
  };

  void advance(Offer& offer, const core::Scheduler& scheduler, core::Time now, std::vector<OfferReply>& replies);
  void judge_probe(Offer& offer, core::Time now, std::vector<OfferReply>& replies);

  std::vector<std::string> program_;
  std::string drover_version_;
  std::vector<Offer> offers_;
  core::Time last_coming_{};  ///< when the latest was found fit to come
  bool is_in_haste_ = false;
};

}  // namespace drover::runtime
