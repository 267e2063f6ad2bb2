// Nothing here waits for a peer: it may be dead, and Open MPI 4.1 tells nobody.
//
// Sending: a message is handed to MPI while its peer has few under way; the rest queue. A send
// to a dead peer may stay under way for ever: when the peer is forgotten, its requests and buffers
// are left to MPI, which may still read them. A worker sends in synchronous mode: what has left its
// hands is in the master's, so that it may end its process right after.
//
// Receiving: MPI_Improbe takes a message off the matching queue, MPI_Imrecv starts its transfer, and
// only a completed transfer is given out. Transfers of one peer complete in any order but are given
// out in order. Large messages move only once their receive is posted, so that the bytes under way
// are bounded by what is posted here.
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

#include "drover/transport/mpi_error.hpp"
#include "drover/transport/mpi_handle.hpp"

namespace drover::transport {

namespace {

constexpr int kTag = 1;
constexpr int kNeverSentTag = 2;
constexpr std::size_t kMostSendsUnderWay = 8;
constexpr std::size_t kMostBytesBeingReceived = 16U << 20;

struct Outgoing {
  std::string bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

struct Arriving {
  std::vector<char> bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

struct Peer {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  MPI_Request death = MPI_REQUEST_NULL;  ///< ends when the peer does
  std::deque<Outgoing> under_way;        ///< a deque: MPI holds addresses into its elements
  std::deque<std::string> queued;
  std::deque<Arriving> arriving;
  std::size_t num_unsent_bytes = 0;
};

struct MessageInfo {
  MPI_Message message = MPI_MESSAGE_NULL;
  int source = 0;
  int num_bytes = 0;
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
std::optional<MessageInfo> probe(MPI_Comm comm) {
  int is_there = 0;
  MessageInfo info;
  MPI_Status status{};
  int code = MPI_SUCCESS;
  for (int look = 0; look < 2 && code == MPI_SUCCESS && is_there == 0; ++look)
    code = MPI_Improbe(MPI_ANY_SOURCE, kTag, comm, &is_there, &info.message, &status);
  if (code != MPI_SUCCESS && acknowledge_deaths(comm, code)) return std::nullopt;
  check_mpi(code, "MPI_Improbe");
  if (is_there == 0) return std::nullopt;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &info.num_bytes), "MPI_Get_count");
  info.source = status.MPI_SOURCE;
  return info;
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
  std::size_t num_bytes_arriving = 0;

  void add_peer(Address address, MPI_Comm comm, int rank) {
    Peer& peer = peers[address];
    peer.comm = comm;
    peer.rank = rank;
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
    for (const Arriving& arriving : peer.arriving) num_bytes_arriving -= arriving.bytes.size();
    addresses.erase({peer.comm, peer.rank});
    if (peer.death != MPI_REQUEST_NULL) {
      MPI_Cancel(&peer.death);
      MPI_Request_free(&peer.death);
    }
    if (!peer.under_way.empty() || !peer.arriving.empty()) forgotten.push_back(std::move(peer));
    peers.erase(found);
  }

  int start_sending(const Peer& peer, Outgoing& out) const {
    const auto num_bytes = static_cast<int>(out.bytes.size());
    if (is_master) return MPI_Isend(out.bytes.data(), num_bytes, MPI_BYTE, peer.rank, kTag, peer.comm, &out.request);
    return MPI_Issend(out.bytes.data(), num_bytes, MPI_BYTE, peer.rank, kTag, peer.comm, &out.request);
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
    while (!peer.under_way.empty()) {
      int code = MPI_SUCCESS;
      if (!is_complete(peer.under_way.front().request, code)) break;
      peer.num_unsent_bytes -= peer.under_way.front().bytes.size();
      peer.under_way.pop_front();
      if (code != MPI_SUCCESS) lost.push_back({address, "sending to it failed: " + mpi_message(code)});
    }
    while (!peer.queued.empty() && peer.under_way.size() < kMostSendsUnderWay) {
      Outgoing& out = peer.under_way.emplace_back();
      out.bytes = std::move(peer.queued.front());
      peer.queued.pop_front();
      const int code = start_sending(peer, out);
      if (code == MPI_SUCCESS) continue;
      peer.num_unsent_bytes -= out.bytes.size();
      peer.under_way.pop_back();
      lost.push_back({address, "sending to it failed: " + mpi_message(code)});
      return;
    }
  }

  void take_messages() {
    for (const MPI_Comm comm : comms) {
      while (num_bytes_arriving < kMostBytesBeingReceived) {
        std::optional<MessageInfo> info = probe(comm);
        if (!info) break;
        const auto address = addresses.find({comm, info->source});
        Arriving arriving;
        arriving.bytes.resize(static_cast<std::size_t>(info->num_bytes));
        check_mpi(MPI_Imrecv(arriving.bytes.data(), info->num_bytes, MPI_BYTE, &info->message, &arriving.request),
                  "MPI_Imrecv");
        num_bytes_arriving += arriving.bytes.size();
        // The bytes of a vector stay where they are when the vector moves.
        Peer& peer = address != addresses.end() ? peers.at(address->second) : forgotten.emplace_back();
        peer.arriving.push_back(std::move(arriving));
        if (address == addresses.end()) num_bytes_arriving -= static_cast<std::size_t>(info->num_bytes);
      }
    }
  }

  std::optional<Incoming> next_complete() {
    for (auto& [address, peer] : peers) {
      if (peer.arriving.empty()) continue;
      int code = MPI_SUCCESS;
      if (!is_complete(peer.arriving.front().request, code)) continue;
      Arriving arrived = std::move(peer.arriving.front());
      peer.arriving.pop_front();
      num_bytes_arriving -= arrived.bytes.size();
      if (code != MPI_SUCCESS) return PeerLost{address, "receiving from it failed: " + mpi_message(code)};
      return Received{address, std::move(arrived.bytes)};
    }
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
    if (peer.comm == comm) members.push_back(address);
  for (const Address member : members) state_->forget(member);
  std::erase(state_->comms, comm);
  state_->links.erase(found);
}

void MpiTransport::send(Address to, std::string message) {
  const auto found = state_->peers.find(to);
  if (found == state_->peers.end()) return;
  Peer& peer = found->second;
  peer.num_unsent_bytes += message.size();
  peer.queued.push_back(std::move(message));
  state_->push(to, peer);
}

std::optional<Incoming> MpiTransport::receive() {
  if (auto message = state_->next_complete()) return message;
  state_->take_messages();
  if constexpr (kTellsDeaths) state_->look_for_deaths();
  for (auto& [address, peer] : state_->peers)
    if (!peer.under_way.empty() || !peer.queued.empty()) state_->push(address, peer);
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
    if (!to || *to == address) sum += peer.num_unsent_bytes;
  return sum;
}

bool MpiTransport::is_receiving() const {
  return state_->num_bytes_arriving > 0;
}

void MpiTransport::forget(Address peer) {
  state_->forget(peer);
}

}  // namespace drover::transport
