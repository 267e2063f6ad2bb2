// How a client's connection goes: it is open; or it hangs up, after a fault or a half-close by the
// client: nothing more is read, and it ends once everything asked has been answered and read; or it has
// ended. Ended clients are dropped by poll() alone, so that a handler may reply at any time without
// pulling away what the server is working on.

#include "drover/control/control_server.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "drover/control/connection.hpp"
#include "drover/support/error.hpp"

namespace drover::control {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostEvents = 64;
constexpr int kMostAcceptedAtOnce = 64;
/// Requests of a client are left unread while it has this much to read itself.
constexpr std::size_t kEnoughUnread = 1U << 20;
/// For the last words to a client that is hung up on.
constexpr core::Duration kHangUpGrace = 5s;
constexpr core::Duration kAcceptPause = 1s;
/// How often to look whether the socket can still be found.
constexpr core::Duration kRestorePause = 1s;
constexpr auto kClosePause = 5ms;
constexpr std::uint64_t kListening = 0;

bool is_allowed(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return false;
  // root could attach a debugger just as well.
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

/// A request that has not had its last reply.
struct OpenRequest {
  std::uint64_t client_number = 0;  ///< what the client calls it
  bool is_subscription = false;
  std::uint64_t num_missed = 0;
};

struct ControlServer::Client {
  Client(ClientId its_id, support::UniqueFd socket, core::Time now)
      : id(its_id), connection(std::move(socket)), last_progress(now) {}

  ClientId id;
  Connection connection;
  core::Time last_progress;
  std::map<RequestId, OpenRequest> open;
  bool is_known_to_handler = false;
  bool is_adopted = false;
  bool has_asked = false;  ///< something that was understood
  bool is_reading = true;
  bool has_ended = false;
  std::optional<core::Time> hang_up_at;
  std::uint32_t watched = EPOLLIN;

  void say(std::uint64_t number, bool has_more, Reply&& reply) {
    connection.enqueue(encode(ReplyLine{number, has_more, std::move(reply)}));
  }
  /// Whether a stream may go on; after a gap it must be worth it.
  [[nodiscard]] bool has_room(const OpenRequest& request, std::size_t limit) const {
    return connection.num_unsent() < (request.num_missed > 0 ? limit / 2 : limit);
  }
  void tell_missed(OpenRequest& request) {
    if (request.num_missed == 0) return;
    say(request.client_number, true, reply::Missed{std::exchange(request.num_missed, 0)});
  }
  [[nodiscard]] bool is_finished() const { return !is_reading && open.empty() && connection.num_unsent() == 0; }
};

ControlServer::ControlServer(const std::filesystem::path& run_dir, reply::Hello about, RequestHandler& handler,
                             ServerLimits limits)
    : handler_(handler),
      limits_(limits),
      about_(std::move(about)),
      socket_(run_dir),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_ || !listen()) throw system_error("cannot wait for control clients", errno);
}

bool ControlServer::listen() {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListening;
  is_accepting_ = true;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket_.fd(), &event) == 0;
}

/// Somebody may tidy up in the directory of the run.
void ControlServer::restore_socket() {
  if (is_closing_ || now_ < restore_at_) return;
  restore_at_ = now_ + kRestorePause;
  if (socket_.restore()) (void)listen();
}

ControlServer::~ControlServer() = default;

void ControlServer::poll(core::Time now) {
  now_ = now;
  restore_socket();
  if (!is_accepting_ && !is_closing_ && now >= accept_again_) accept_clients();
  std::array<epoll_event, kMostEvents> events{};
  const int num = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < num; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kListening)
      accept_clients();
    else if (const auto client = clients_.find(ClientId(event.data.u64)); client != clients_.end())
      serve(*client->second, event.events);
  }
  drop_ended();
}

// --- clients come and go ----------------------------------------------------------------------

void ControlServer::accept_clients() {
  const auto listen_for = [this](std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.u64 = kListening;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket_.fd(), &event);
  };
  if (!std::exchange(is_accepting_, true)) listen_for(EPOLLIN);
  for (int i = 0; i < kMostAcceptedAtOnce; ++i) {
    support::UniqueFd socket(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      admit(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // It stays ready, and we would look again and again for what cannot be had.
      is_accepting_ = false;
      accept_again_ = now_ + kAcceptPause;
      listen_for(0);
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void ControlServer::admit(support::UniqueFd socket) {
  const bool allowed = is_allowed(socket.get());
  const bool has_room = allowed && make_room();
  const ClientId id(++num_clients_ever_);
  auto client = std::make_unique<Client>(id, std::move(socket), now_);
  if (!allowed || !has_room) {
    // Not kept: these words fit into the socket's own buffer.
    if (!allowed)
      client->say(0, false, reply::Refused{ErrorCode::not_yours, "this run belongs to another user", ""});
    else
      client->say(0, false,
                  reply::Refused{ErrorCode::too_many_clients,
                                 "the master serves " + std::to_string(clients_.size()) + " clients already", ""});
    client->connection.send();
    return;
  }
  add(std::move(client));
}

void ControlServer::add(std::unique_ptr<Client> client) {
  epoll_event event{};
  event.events = client->watched;
  event.data.u64 = client->id.value;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client->connection.fd(), &event) < 0) return;
  const ClientId id = client->id;
  clients_.emplace(id, std::move(client));
}

ClientId ControlServer::adopt(support::UniqueFd socket) {
  const ClientId id(++num_clients_ever_);
  auto client = std::make_unique<Client>(id, std::move(socket), now_);
  client->is_adopted = true;
  add(std::move(client));
  return id;
}

/// Whether there is a place for one more: if need be, that of the client that has been of no use for longest.
bool ControlServer::make_room() {
  Client* idlest = nullptr;
  std::size_t num_staying = 0;
  for (const auto& [id, client] : clients_) {
    if (client->has_ended || client->is_adopted) continue;
    ++num_staying;
    const bool waits = !client->open.empty() && client->connection.num_unsent() == 0;
    if (!waits && (idlest == nullptr || client->last_progress < idlest->last_progress)) idlest = client.get();
  }
  if (num_staying < limits_.num_clients) return true;
  if (idlest == nullptr || now_ - idlest->last_progress < limits_.idle_grace) return false;
  idlest->has_ended = true;
  return true;
}

/// On one who says a line without end.
void ControlServer::hang_up(Client& client) {
  client.say(0, false,
             reply::Refused{ErrorCode::too_long,
                            "a request is one line of at most " + std::to_string(kMostLineBytes) + " bytes", ""});
  client.is_reading = false;
  client.hang_up_at = now_ + kHangUpGrace;
  ::shutdown(client.connection.fd(), SHUT_RD);
}

void ControlServer::drop_ended() {
  for (auto next = clients_.begin(); next != clients_.end();) {
    const auto here = next++;
    Client& client = *here->second;
    const bool is_late = client.hang_up_at && now_ >= *client.hang_up_at;
    if (!client.has_ended && !client.is_finished() && !is_late) continue;
    num_subscribers_ -= static_cast<std::size_t>(
        std::count_if(client.open.begin(), client.open.end(), [](auto& open) { return open.second.is_subscription; }));
    const std::unique_ptr<Client> dropped = std::move(here->second);
    clients_.erase(here);
    if (dropped->is_known_to_handler && !is_closing_) handler_.on_gone(dropped->id);
  }
}

// --- what comes in ----------------------------------------------------------------------------

void ControlServer::serve(Client& client, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && client.connection.send()) {
    client.last_progress = now_;
    for (auto& [id, request] : client.open)
      if (client.has_room(request, limits_.num_unread_bytes)) client.tell_missed(request);
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Gone in both directions: nobody reads what we say, but what it said last counts.
    while (client.is_reading && receive(client)) take_lines(client, Unread::does_not_matter);
    client.has_ended = true;
  } else if (client.is_reading && take_lines(client, Unread::is_bounded)) {
    const bool has_come = receive(client);
    if (take_lines(client, Unread::is_bounded) && !has_come) client.is_reading = !client.connection.has_ended();
  }
  if (client.connection.is_broken()) client.has_ended = true;
  watch(client);
}

/// Whether anything came.
bool ControlServer::receive(Client& client) {
  if (!client.connection.receive()) return false;
  client.last_progress = now_;
  return true;
}

/// Returns whether all that has come was taken: the answers to a few lines may be all that the client is to
/// have before it reads some.
bool ControlServer::take_lines(Client& client, Unread unread) {
  while (client.is_reading) {
    if (unread == Unread::is_bounded && client.connection.num_unsent() >= kEnoughUnread) return false;
    const std::optional<std::string_view> line = client.connection.next_line();
    if (std::max(line ? line->size() : 0, client.connection.num_unfinished()) > kMostLineBytes)
      hang_up(client);
    else if (line)
      take_line(client, *line);
    else
      return true;
  }
  return false;
}

void ControlServer::take_line(Client& client, std::string_view text) {
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
  std::uint64_t number = 0;
  try {
    RequestLine line = decode_request(text);
    number = line.id;
    client.has_asked = true;
    if (client.open.size() >= kMostOpenRequests)
      throw ProtocolError(ErrorCode::too_many_requests,
                          std::to_string(client.open.size()) + " requests of this client are unanswered", "");
    const RequestRef from{client.id, RequestId(++num_requests_ever_)};
    client.open[from.request].client_number = number;
    std::visit([&](auto&& request) { take(client, from, std::move(request)); }, std::move(line.request));
  } catch (ProtocolError& e) {
    if (client.is_adopted && !client.has_asked) return;
    if (e.id() != 0) number = e.id();
    client.say(number, false, reply::Refused{e.code(), e.what(), e.expected()});
  }
}

void ControlServer::take(Client&, RequestRef from, request::Hello&&) {
  reply(from, about_);
}

void ControlServer::take(Client& client, RequestRef from, request::Events&&) {
  client.open[from.request].is_subscription = true;
  ++num_subscribers_;
  stream(from, reply::Subscribed{});
}

void ControlServer::take(Client& client, RequestRef from, Request&& request) {
  client.is_known_to_handler = true;
  handler_.on_request(from, std::move(request));
}

// --- what goes out ----------------------------------------------------------------------------

ControlServer::Client* ControlServer::find(RequestRef ref) {
  const auto client = clients_.find(ref.client);
  if (client == clients_.end() || client->second->has_ended || !client->second->open.contains(ref.request))
    return nullptr;
  return client->second.get();
}

void ControlServer::reply(RequestRef to, Reply reply) {
  Client* client = find(to);
  if (client == nullptr) return;
  auto request = client->open.extract(to.request);
  if (request.mapped().is_subscription) --num_subscribers_;
  client->tell_missed(request.mapped());
  if (client->connection.num_unsent() > 2 * limits_.num_unread_bytes) {
    client->has_ended = true;
    return;
  }
  client->say(request.mapped().client_number, false, std::move(reply));
  watch(*client);
}

void ControlServer::stream(RequestRef to, Reply reply) {
  Client* client = find(to);
  if (client == nullptr) return;
  OpenRequest& request = client->open.at(to.request);
  if (!client->has_room(request, limits_.num_unread_bytes)) {
    ++request.num_missed;
    return;
  }
  client->tell_missed(request);
  client->say(request.client_number, true, std::move(reply));
  watch(*client);
}

void ControlServer::refuse(RequestRef to, ErrorCode code, std::string message) {
  reply(to, reply::Refused{code, std::move(message), ""});
}

void ControlServer::publish(std::string_view json) {
  if (num_subscribers_ == 0) return;
  const Reply event = reply::Event{std::string(json)};
  for (const auto& [id, client] : clients_)
    for (const auto& [request, open] : client->open)
      if (open.is_subscription) stream({id, request}, event);
}

/// Waits for what this client makes us wait for, and for nothing else.
void ControlServer::watch(Client& client) {
  const bool is_reading = client.is_reading && client.connection.num_unsent() < kEnoughUnread;
  const std::uint32_t wanted = (is_reading ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
                               (client.connection.num_unsent() > 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  if (std::exchange(client.watched, wanted) == wanted) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = client.id.value;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.connection.fd(), &event);
}

void ControlServer::say_run_is_over(Client& client) {
  while (!client.open.empty()) {
    const auto& [id, request] = *client.open.begin();
    if (request.is_subscription)
      reply({client.id, id}, reply::RunOver{});
    else
      refuse({client.id, id}, ErrorCode::run_over, "the run has ended");
    if (client.has_ended) return;
  }
  client.is_reading = false;
}

void ControlServer::close(std::chrono::milliseconds grace) {
  is_closing_ = true;
  socket_.remove();
  for (const auto& [id, client] : clients_) say_run_is_over(*client);
  const auto deadline = std::chrono::steady_clock::now() + grace;
  for (;;) {
    for (const auto& [id, client] : clients_) {
      client->connection.send();
      client->has_ended = client->has_ended || client->connection.is_broken();
    }
    drop_ended();
    if (clients_.empty() || std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(kClosePause);
  }
  clients_.clear();
  num_subscribers_ = 0;
}

}  // namespace drover::control
