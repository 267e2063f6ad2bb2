// Nothing here waits for a peer: it may be dead, and Open MPI 4.1 tells nobody.
//
// Sending: a message is handed to MPI_Isend while its peer has few under way; the rest queue. A send
// to a dead peer may stay under way for ever: when the peer is forgotten, its requests and buffers
// are left to MPI, which may still read them.
//
// Receiving: MPI_Improbe takes a message off the matching queue, MPI_Imrecv starts its transfer, and
// only a completed transfer is given out. Transfers of one peer complete in any order but are given
// out in order. Large messages move only once their receive is posted, so that the bytes under way
// are bounded by what is posted here.

#include "drover/transport/mpi_transport.hpp"

#include <mpi.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "drover/transport/mpi_error.hpp"

namespace drover::transport {

namespace {

constexpr int kTag = 1;
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
  std::deque<Outgoing> under_way;  ///< a deque: MPI holds addresses into its elements
  std::deque<std::string> queued;
  std::deque<Arriving> arriving;
  std::size_t num_unsent_bytes = 0;
};

struct MessageInfo {
  MPI_Message message = MPI_MESSAGE_NULL;
  int source = 0;
  int num_bytes = 0;
};

/// Takes the next message of a communicator off the matching queue, if there is one.
std::optional<MessageInfo> probe(MPI_Comm comm) {
  int is_there = 0;
  MessageInfo info;
  MPI_Status status{};
  check_mpi(MPI_Improbe(MPI_ANY_SOURCE, kTag, comm, &is_there, &info.message, &status), "MPI_Improbe");
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
  std::map<Address, Peer> peers;
  std::map<std::pair<MPI_Comm, int>, Address> addresses;
  std::vector<MPI_Comm> comms;
  std::deque<PeerLost> lost;
  /// Buffers that MPI may still use on behalf of forgotten peers.
  std::deque<Peer> forgotten;
  std::size_t num_bytes_arriving = 0;

  void add_peer(Address address, MPI_Comm comm, int rank) {
    Peer& peer = peers[address];
    peer.comm = comm;
    peer.rank = rank;
    addresses[{comm, rank}] = address;
    if (std::find(comms.begin(), comms.end(), comm) == comms.end()) comms.push_back(comm);
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
      const int code = MPI_Isend(out.bytes.data(), static_cast<int>(out.bytes.size()), MPI_BYTE, peer.rank, kTag,
                                 peer.comm, &out.request);
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

MpiTransport::MpiTransport(MpiSession& session) : state_(std::make_unique<State>()) {
  if (session.rank() != 0) {
    state_->add_peer(kMaster, MPI_COMM_WORLD, 0);
    return;
  }
  for (int rank = 1; rank < session.size(); ++rank)
    state_->add_peer(Address(static_cast<std::uint32_t>(rank)), MPI_COMM_WORLD, rank);
}

MpiTransport::~MpiTransport() {
  // MPI may use the buffers of unfinished requests until it is finalized, after this.
  for (auto& [address, peer] : state_->peers) state_->forgotten.push_back(std::move(peer));
  bool is_idle = true;
  for (const Peer& peer : state_->forgotten) is_idle = is_idle && peer.under_way.empty() && peer.arriving.empty();
  if (!is_idle) (void)state_.release();
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

void MpiTransport::forget(Address peer) {
  const auto found = state_->peers.find(peer);
  if (found == state_->peers.end()) return;
  for (const Arriving& arriving : found->second.arriving) state_->num_bytes_arriving -= arriving.bytes.size();
  state_->addresses.erase({found->second.comm, found->second.rank});
  Peer gone = std::move(found->second);
  state_->peers.erase(found);
  if (!gone.under_way.empty() || !gone.arriving.empty()) state_->forgotten.push_back(std::move(gone));
}

}  // namespace drover::transport
