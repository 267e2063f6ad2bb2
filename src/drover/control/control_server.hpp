// The master's end of the control channel: takes requests from any number of clients that may stall,
// vanish or talk nonsense, and none of that reaches the master.
//
// It knows the protocol and nothing of runs: requests go to a RequestHandler, replies come back by
// reply(), stream() and refuse(), at once or at any later time. Everything is bounded: clients, the
// length of a line, unanswered requests and unread replies of each client.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "drover/control/control_socket.hpp"
#include "drover/control/protocol.hpp"
#include "drover/core/task.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::control {

/// Who answers. Called from within ControlServer::poll() only; what it throws comes out there.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  /// Every request must get exactly one reply() or refuse() in the end, with any number of stream()
  /// before; from within this call, or later.
  virtual void on_request(RequestRef from, Request request) = 0;

  /// A client of which a request was taken has gone. Whatever is still said to it is dropped.
  virtual void on_gone(ClientId client) = 0;
};

struct ServerLimits {
  std::size_t num_clients = 256;
  /// Replies that a client has not read. Beyond, streams lose replies (and are told so), and a client
  /// that leaves other replies unread is dropped.
  std::size_t num_unread_bytes = 4U << 20;
  /// When all places are taken, a client that has said and read nothing for so long, and waits for
  /// nothing, makes room for another.
  core::Duration idle_grace = std::chrono::seconds(10);
};

/// Never blocks but in close(). Used by one thread.
class ControlServer {
 public:
  /// Listens in the directory of the run. `handler` outlives this. Throws Error when it cannot, or when
  /// another master is there.
  ControlServer(const std::filesystem::path& run_dir, reply::Hello about, RequestHandler& handler,
                ServerLimits limits = {});
  /// Clients are cut off and the socket is removed; see close() for the polite way.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Readable when poll() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Serves a client at the other end of this stream socket, which the master itself has started: it needs no place
  /// among the others, and what it says before its first request, a login's greeting say, is passed over.
  ClientId adopt(support::UniqueFd socket);

  /// Takes in requests and sends replies, a bounded amount of each; to be called whenever fd() is
  /// readable, and a few times a second besides. `now` never decreases.
  void poll(core::Time now);

  /// What request::Hello is answered with from now on.
  void set_about(reply::Hello about) { about_ = std::move(about); }

  /// The last reply to a request.
  void reply(RequestRef to, Reply reply);
  /// A reply that others will follow; left out when the client reads too slowly.
  void stream(RequestRef to, Reply reply);
  void refuse(RequestRef to, ErrorCode code, std::string message);

  /// Whether anybody follows the run: if not, events need not be formatted.
  [[nodiscard]] bool has_subscribers() const { return num_subscribers_ > 0; }
  /// Sends an event to all who follow the run. `json` is an object on one line, without newline.
  void publish(std::string_view json);

  [[nodiscard]] std::size_t num_clients() const { return clients_.size(); }

  /// The run is over: says so to those who still wait for something, gives them at most `grace` to
  /// read, and removes the socket. The handler hears nothing more.
  void close(std::chrono::milliseconds grace);

 private:
  struct Client;
  enum class Unread : std::uint8_t { is_bounded, does_not_matter };

  [[nodiscard]] bool listen();
  void restore_socket();
  void accept_clients();
  void admit(support::UniqueFd socket);
  void add(std::unique_ptr<Client> client);
  [[nodiscard]] bool make_room();
  void serve(Client& client, std::uint32_t events);
  bool receive(Client& client);
  bool take_lines(Client& client, Unread unread);
  void take_line(Client& client, std::string_view line);
  void take(Client& client, RequestRef from, request::Hello&& request);
  void take(Client& client, RequestRef from, request::Events&& request);
  void take(Client& client, RequestRef from, Request&& request);
  void hang_up(Client& client);
  [[nodiscard]] Client* find(RequestRef ref);
  void watch(Client& client);
  void say_run_is_over(Client& client);
  void drop_ended();

  RequestHandler& handler_;
  ServerLimits limits_;
  reply::Hello about_;
  ControlSocket socket_;
  support::UniqueFd epoll_;
  core::Time now_{};
  core::Time accept_again_{};  ///< after descriptors ran out
  core::Time restore_at_{};
  bool is_accepting_ = true;
  bool is_closing_ = false;
  std::size_t num_subscribers_ = 0;
  std::uint64_t num_clients_ever_ = 0;
  std::uint64_t num_requests_ever_ = 0;
  std::map<ClientId, std::unique_ptr<Client>> clients_;
};

}  // namespace drover::control
