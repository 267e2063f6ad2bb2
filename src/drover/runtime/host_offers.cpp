#include "drover/runtime/host_offers.hpp"

#include <algorithm>

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;
namespace reply = control::reply;

/// Containers that are started together are to come with one rollover.
constexpr core::Duration kGatherTime = 1s;

/// The workers of this MPI job on a host, as one who asked for them is told.
reply::ScaleAdded workers_on(const std::string& host, const core::Scheduler& scheduler) {
  reply::ScaleAdded added;
  for (const core::WorkerView& worker : scheduler.workers()) {
    if (worker.host != host || worker.is_draining) continue;
    added.group = worker.group;
    ++added.num_workers;
    if (added.hosts.empty()) added.hosts.push_back({host, 0});
    added.hosts.front().num_slots += worker.num_slots;
  }
  return added;
}

}  // namespace

void HostOffers::add(control::RequestRef from, OfferedHost host) {
  offers_.push_back({from, std::move(host), State::offered, std::nullopt});
}

void HostOffers::forget(control::ClientId client) {
  std::erase_if(offers_, [client](const Offer& offer) { return offer.from.client == client; });
}

bool HostOffers::leave(control::ClientId client, bool now) {
  const auto offer =
      std::find_if(offers_.begin(), offers_.end(), [client](const Offer& o) { return o.from.client == client; });
  if (offer == offers_.end()) return false;
  offer->state = State::leaving;
  is_in_haste_ = is_in_haste_ || now;
  return true;
}

std::vector<OfferReply> HostOffers::poll(const core::Scheduler& scheduler, core::Time now) {
  std::vector<OfferReply> replies;
  for (Offer& offer : offers_) advance(offer, scheduler, now, replies);
  for (const OfferReply& last : replies)
    if (last.is_last) std::erase_if(offers_, [&](const Offer& offer) { return offer.from == last.to; });
  return replies;
}

void HostOffers::advance(Offer& offer, const core::Scheduler& scheduler, core::Time now,
                         std::vector<OfferReply>& replies) {
  if (offer.state == State::probed) return judge_probe(offer, now, replies);
  if (offer.state != State::offered && offer.state != State::here) return;
  reply::ScaleAdded added = workers_on(offer.host.host, scheduler);
  if (offer.state == State::here) {
    if (added.num_workers == 0 && scheduler.is_open())
      replies.push_back({offer.from, reply::JoinEnded{reply::JoinEnded::How::wanted_again}, true});
  } else if (scheduler.expects_workers()) {
    // Its own may be among them.
  } else if (added.num_workers > 0) {
    offer.state = State::here;
    replies.push_back({offer.from, std::move(added)});
  } else if (scheduler.is_open()) {
    offer.probe.emplace(std::vector{offer.host.host}, program_, drover_version_, kProbeLimit, now);
    offer.state = State::probed;
  } else {
    replies.push_back({offer.from, reply::JoinEnded{reply::JoinEnded::How::wanted_again}, true});
  }
}

void HostOffers::judge_probe(Offer& offer, core::Time now, std::vector<OfferReply>& replies) {
  const std::optional<std::vector<HostFault>> faults = offer.probe->poll(now);
  if (!faults) return;
  offer.probe.reset();
  if (!faults->empty()) {
    const std::string reason = "the master would start workers there by ssh, but " + describe(*faults);
    replies.push_back({offer.from, reply::Refused{control::ErrorCode::failed, reason, ""}, true});
    return;
  }
  offer.state = State::coming;
  last_coming_ = now;
}

std::vector<OfferReply> HostOffers::close(reply::JoinEnded::How how) {
  std::vector<OfferReply> replies;
  for (const Offer& offer : offers_) replies.push_back({offer.from, reply::JoinEnded{how}, true});
  offers_.clear();
  return replies;
}

std::string HostOffers::rollover_reason(core::Time now) const {
  const auto list = [this](State state) {
    std::string names;
    for (const Offer& offer : offers_)
      if (offer.state == state) names += (names.empty() ? "" : ", ") + offer.host.host;
    return names;
  };
  if (const std::string names = list(State::leaving); !names.empty()) return "leaving: " + names;
  const std::string names = list(State::coming);
  return names.empty() || now < last_coming_ + kGatherTime ? "" : "taking in " + names;
}

HostChanges HostOffers::changes() const {
  HostChanges changes;
  for (const Offer& offer : offers_) {
    if (offer.state == State::coming) changes.come.push_back(offer.host);
    if (offer.state == State::leaving) changes.gone.push_back(offer.host.host);
  }
  return changes;
}

}  // namespace drover::runtime
