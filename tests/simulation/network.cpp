#include "network.hpp"

#include <algorithm>
#include <utility>

namespace drover::simulation {

void Network::attach_worker(core::WorkerId worker, WorkerEnd end) {
  pairs_[worker].worker = std::move(end);
}

template <class Message>
core::Time Network::put(Lane<Message>& lane, Message message) {
  lane.under_way.push_back(std::move(message));
  const core::Duration delay = random_.between(plan_.shortest_delay, plan_.longest_delay);
  lane.last_arrival = std::max(lane.last_arrival, timeline_.now() + delay);
  return lane.last_arrival;
}

void Network::to_master(core::WorkerId from, ToMaster message) {
  Pair& pair = pairs_.at(from);
  if (pair.up.is_closed) return;
  timeline_.at(put(pair.up, std::move(message)), [this, from] {
    auto& under_way = pairs_.at(from).up.under_way;
    if (under_way.empty()) return;  // lost on the way
    ToMaster arrived = std::move(under_way.front());
    under_way.pop_front();
    master_(from, std::move(arrived));
  });
}

void Network::to_worker(core::WorkerId to, ToWorker message) {
  Pair& pair = pairs_.at(to);
  if (pair.down.is_closed) return;
  timeline_.at(put(pair.down, std::move(message)), [this, to] {
    Pair& there = pairs_.at(to);
    if (there.down.under_way.empty()) return;
    ToWorker arrived = std::move(there.down.under_way.front());
    there.down.under_way.pop_front();
    there.worker(std::move(arrived));
  });
}

void Network::close(core::WorkerId worker, bool loses_last_words) {
  Pair& pair = pairs_.at(worker);
  pair.down.is_closed = true;
  pair.down.under_way.clear();
  pair.up.is_closed = true;
  auto& words = pair.up.under_way;
  if (loses_last_words) words.resize(random_.between(0, words.size()));
}

void Network::tell_of(core::WorkerId worker, std::string reason) {
  const bool is_closed = std::exchange(pairs_.at(worker).up.is_closed, false);
  to_master(worker, message::PeerLost{std::move(reason)});
  pairs_.at(worker).up.is_closed = is_closed;
}

}  // namespace drover::simulation
