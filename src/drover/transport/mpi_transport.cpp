// Nothing here waits for a peer: it may be dead, and Open MPI 4.1 tells nobody.
//
// Sending (send_lane.hpp): a piece is handed to MPI while its peer has few under way; the rest queue. A send
// to a dead peer may stay under way for ever: when the peer is forgotten, its requests and buffers
// are left to MPI, which may still read them. A worker sends in synchronous mode: what has left its
// hands is in the master's, so that it may end its process right after.
//
// Receiving (receive_lane.hpp): MPI_Improbe takes a piece off the matching queue, MPI_Imrecv starts its transfer to
// its place in the message, once there is memory for that one, and only whole messages are given out. Transfers of
// one peer complete in any order but are given out in order. Large pieces move only once their receive is posted, so
// that the bytes under way are bounded by what is posted here.
//
// Deaths: where MPI has ULFM, a receive from each peer that nothing ever matches is ended by the
// peer's death. Elsewhere only a send may fail, and mostly it does not.

#include "drover/transport/mpi_transport.hpp"

#include <mpi.h>
#if defined(OPEN_MPI) && OMPI_MAJOR_VERSION >= 5
#include <mpi-ext.h>
#endif

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "drover/support/error.hpp"
#include "drover/transport/mpi_error.hpp"
#include "drover/transport/mpi_handle.hpp"
#include "drover/transport/pieces.hpp"
#include "drover/transport/receive_lane.hpp"
#include "drover/transport/send_lane.hpp"

namespace drover::transport {

namespace {

struct Peer {
  Line line;
  MPI_Request death = MPI_REQUEST_NULL;  ///< ends when the peer does
  SendLane sending;
  ReceiveLane receiving;

  [[nodiscard]] bool has_requests() const { return sending.has_requests() || receiving.has_requests(); }
};

/// What comes from a peer that is forgotten: received, so that it can end, and dropped.
struct Stray {
  support::Buffer bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

#ifdef MPIX_ERR_PROC_FAILED
constexpr bool kTellsDeaths = true;

/// A member of the communicator is dead: look for messages of the others all the same from now on.
bool acknowledge_deaths(MPI_Comm comm, int code) {
  int error_class = MPI_SUCCESS;
  MPI_Error_class(code, &error_class);
  return (error_class == MPIX_ERR_PROC_FAILED || error_class == MPIX_ERR_PROC_FAILED_PENDING) &&
         MPIX_Comm_failure_ack(comm) == MPI_SUCCESS;
}
#else
constexpr bool kTellsDeaths = false;

bool acknowledge_deaths(MPI_Comm, int) {
  return false;
}
#endif

/// Takes the next message of a communicator off the matching queue, if there is one. Open MPI first
/// looks and then takes in what has arrived: what came during a sleep is only seen by a second look.
std::optional<Matched> probe(MPI_Comm comm) {
  int is_there = 0;
  Matched matched;
  MPI_Status status{};
  int code = MPI_SUCCESS;
  for (int look = 0; look < 2 && code == MPI_SUCCESS && is_there == 0; ++look)
    code = MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &is_there, &matched.message, &status);
  if (code != MPI_SUCCESS && acknowledge_deaths(comm, code)) return std::nullopt;
  check_mpi(code, "MPI_Improbe");
  if (is_there == 0) return std::nullopt;
  int num_bytes = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &num_bytes), "MPI_Get_count");
  matched.source = status.MPI_SOURCE;
  matched.tag = status.MPI_TAG;
  matched.size = static_cast<std::size_t>(num_bytes);
  return matched;
}

bool is_complete(MPI_Request& request, int& code) {
  int done = 0;
  code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
  return code != MPI_SUCCESS || done != 0;
}

}  // namespace

struct MpiTransport::State {
  bool is_master = false;
  std::map<Address, Peer> peers;
  std::map<std::pair<MPI_Comm, int>, Address> addresses;
  std::vector<MPI_Comm> comms;
  std::map<Address, GroupLink> links;  ///< by the first address of the group; the world has none
  std::deque<PeerLost> lost;
  /// Buffers that MPI may still use on behalf of forgotten peers.
  std::deque<Peer> forgotten;
  std::deque<Stray> strays;
  Admission admission;
  Address first_to_receive;                ///< of the next round
  std::uint64_t num_forgotten_pieces = 0;  ///< that peers had moved before they were forgotten

  void add_peer(Address address, MPI_Comm comm, int rank) {
    Peer& peer = peers[address];
    peer.line = {comm, rank, !is_master};
    addresses[{comm, rank}] = address;
    if constexpr (kTellsDeaths) MPI_Irecv(nullptr, 0, MPI_BYTE, rank, kNeverSentTag, comm, &peer.death);
  }

  /// Peers of consecutive addresses and ranks.
  std::vector<Address> add_peers(Address first, MPI_Comm comm, int first_rank, int end_rank) {
    std::vector<Address> added;
    for (int rank = first_rank; rank < end_rank; ++rank) {
      added.emplace_back(first.value + static_cast<std::uint32_t>(rank - first_rank));
      add_peer(added.back(), comm, rank);
    }
    comms.push_back(comm);
    return added;
  }

  void forget(Address address) {
    const auto found = peers.find(address);
    if (found == peers.end()) return;
    Peer& peer = found->second;
    peer.receiving.close(admission);
    num_forgotten_pieces += peer.sending.num_large_sent() + peer.receiving.num_large_received();
    addresses.erase({peer.line.comm, peer.line.rank});
    if (peer.death != MPI_REQUEST_NULL) {
      MPI_Cancel(&peer.death);
      MPI_Request_free(&peer.death);
    }
    if (peer.has_requests()) forgotten.push_back(std::move(peer));
    peers.erase(found);
  }

  void look_for_deaths() {
    for (auto& [address, peer] : peers) {
      int code = MPI_SUCCESS;
      if (peer.death == MPI_REQUEST_NULL || !is_complete(peer.death, code)) continue;
      peer.death = MPI_REQUEST_NULL;
      lost.push_back({address, mpi_message(code)});
    }
  }

  void push(Address address, Peer& peer) {
    if (const int code = peer.sending.push(peer.line); code != MPI_SUCCESS)
      lost.push_back({address, "sending to it failed: " + mpi_message(code)});
  }

  void take_messages() {
    for (const MPI_Comm comm : comms) {
      while (const std::optional<Matched> matched = probe(comm)) {
        const auto address = addresses.find({comm, matched->source});
        if (address != addresses.end())
          receive_from(address->second, [&](Peer& peer) { peer.receiving.take(*matched); });
        else
          drop(*matched);
      }
    }
  }

  template <class Receive>
  void receive_from(Address address, const Receive& receive) {
    Peer& peer = peers.at(address);
    try {
      receive(peer);
    } catch (const Error& e) {
      peer.receiving.close(admission);
      lost.push_back({address, std::string("receiving from it failed: ") + e.what()});
    }
  }

  void drop(Matched matched) {
    Stray& stray = strays.emplace_back();
    stray.bytes = support::Buffer(matched.size);
    if (MPI_Imrecv(stray.bytes.data(), static_cast<int>(matched.size), MPI_BYTE, &matched.message, &stray.request) !=
        MPI_SUCCESS)
      strays.pop_back();
    int code = MPI_SUCCESS;
    while (!strays.empty() && is_complete(strays.front().request, code)) strays.pop_front();
  }

  /// Each peer in its turn; who waits for memory is the first to be asked in the next round.
  void advance() {
    admission.begin_round();
    std::optional<Address> waiting;
    const auto visit = [&](auto begin, auto end) {
      for (auto it = begin; it != end; ++it) {
        if (!it->second.receiving.is_active()) continue;
        receive_from(it->first, [this](Peer& peer) { peer.receiving.advance(admission); });
        if (!waiting && it->second.receiving.is_waiting()) waiting = it->first;
      }
    };
    const auto first = peers.lower_bound(first_to_receive);
    visit(first, peers.end());
    visit(peers.begin(), first);
    first_to_receive = waiting.value_or(first_to_receive);
  }

  std::optional<Incoming> next_complete() {
    for (auto& [address, peer] : peers)
      if (auto bytes = peer.receiving.next(admission)) return Received{address, std::move(*bytes)};
    return std::nullopt;
  }
};

MpiTransport::MpiTransport(MpiSession& session, Address first_of_world) : state_(std::make_unique<State>()) {
  state_->is_master = true;
  state_->add_peers(first_of_world, MPI_COMM_WORLD, 1, session.size());
}

MpiTransport::MpiTransport(MpiSession&) : state_(std::make_unique<State>()) {
  state_->add_peers(kMaster, MPI_COMM_WORLD, 0, 1);
}

MpiTransport::MpiTransport(GroupLink master) : state_(std::make_unique<State>()) {
  state_->add_peers(kMaster, master.handle().comm, 0, 1);
  state_->links.emplace(kMaster, std::move(master));
}

MpiTransport::~MpiTransport() {
  while (!state_->peers.empty()) state_->forget(state_->peers.begin()->first);
  state_->links.clear();
  // MPI may use the buffers of unfinished requests until it is finalized, after this.
  if (!state_->forgotten.empty()) (void)state_.release();
}

std::vector<Address> MpiTransport::add_group(GroupLink link, Address first) {
  const std::vector<Address> members = state_->add_peers(first, link.handle().comm, 0, link.num_members());
  state_->links.emplace(first, std::move(link));
  return members;
}

void MpiTransport::release_group(Address first) {
  const auto found = state_->links.find(first);
  if (found == state_->links.end()) return;
  const MPI_Comm comm = found->second.handle().comm;
  std::vector<Address> members;
  for (const auto& [address, peer] : state_->peers)
    if (peer.line.comm == comm) members.push_back(address);
  for (const Address member : members) state_->forget(member);
  std::erase(state_->comms, comm);
  state_->links.erase(found);
}

void MpiTransport::send(Address to, std::string message) {
  const auto found = state_->peers.find(to);
  if (found == state_->peers.end()) return;
  found->second.sending.add(std::move(message));
  state_->push(to, found->second);
}

void MpiTransport::send_ahead(Address to, std::string message) {
  const auto found = state_->peers.find(to);
  if (found == state_->peers.end()) return;
  found->second.sending.add_ahead(std::move(message));
  state_->push(to, found->second);
}

std::optional<Incoming> MpiTransport::receive() {
  if (auto message = state_->next_complete()) return message;
  state_->take_messages();
  state_->advance();
  if constexpr (kTellsDeaths) state_->look_for_deaths();
  for (auto& [address, peer] : state_->peers)
    if (peer.sending.is_active()) state_->push(address, peer);
  if (!state_->lost.empty()) {
    PeerLost lost = std::move(state_->lost.front());
    state_->lost.pop_front();
    return lost;
  }
  return state_->next_complete();
}

std::size_t MpiTransport::num_unsent_bytes(std::optional<Address> to) const {
  std::size_t sum = 0;
  for (const auto& [address, peer] : state_->peers)
    if (!to || *to == address) sum += peer.sending.num_unsent_bytes();
  return sum;
}

Traffic MpiTransport::traffic() const {
  Traffic traffic{.num_pieces = state_->num_forgotten_pieces};
  for (const auto& [address, peer] : state_->peers) {
    const auto& [line, death, sending, receiving] = peer;
    traffic.is_under_way = traffic.is_under_way || sending.num_large_under_way() + receiving.num_large_under_way() > 0;
    traffic.num_pieces += sending.num_large_sent() + receiving.num_large_received();
  }
  return traffic;
}

void MpiTransport::forget(Address peer) {
  state_->forget(peer);
}

}  // namespace drover::transport
