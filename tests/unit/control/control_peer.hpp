// A control server in a directory of its own, with a handler that records, and clients that speak bytes.
// Both sides are on one thread: whoever waits for something lets the server poll.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/control/control_server.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

namespace drover::test {

class RecordingHandler final : public control::RequestHandler {
 public:
  struct Taken {
    control::RequestRef from;
    control::Request request;
  };

  void on_request(control::RequestRef from, control::Request request) override {
    if (answer) answer(from, request);
    taken.push_back({from, std::move(request)});
  }
  void on_gone(control::ClientId client) override { gone.push_back(client); }

  std::function<void(control::RequestRef, const control::Request&)> answer;
  std::vector<Taken> taken;
  std::vector<control::ClientId> gone;
};

inline control::reply::Hello about_test() {
  return {"0.1.0", "test-run", "/run/dir", "here", 42, "", false, "", ""};
}

struct TestServer {
  explicit TestServer(control::ServerLimits limits = {}) : server(directory.path(), about_test(), handler, limits) {}

  /// Polls until `condition` holds; false when it does not within some seconds.
  bool poll_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      poll();
    }
    return true;
  }
  void poll() { server.poll(now); }
  /// Time as the server is told it.
  void advance(core::Duration duration) { now += duration; }

  TemporaryDirectory directory;
  RecordingHandler handler;
  core::Time now{};
  control::ControlServer server;
};

class TestClient {
 public:
  explicit TestClient(TestServer& server) : server_(server) {
    control::Connected connected = control::connect_to(server.directory.path());
    INFO("errno " << connected.error);
    REQUIRE(connected.socket);
    socket_ = std::move(connected.socket);
  }

  /// One that the master has started.
  TestClient(TestServer& server, support::UniqueFd socket) : server_(server), socket_(std::move(socket)) {}

  /// Sends what fits, until `bytes` are sent or the server does not take them any more. Returns how many.
  std::size_t send(std::string_view bytes) {
    std::size_t num_sent = 0;
    (void)server_.poll_until([&] {
      const ssize_t num =
          ::send(socket_.get(), bytes.data() + num_sent, bytes.size() - num_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (num > 0) num_sent += static_cast<std::size_t>(num);
      return num_sent == bytes.size() || (num < 0 && errno != EAGAIN);
    });
    return num_sent;
  }
  /// Sends what fits now. Returns how much that was.
  std::size_t send_some(std::string_view bytes) {
    const ssize_t num = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return static_cast<std::size_t>(std::max<ssize_t>(num, 0));
  }
  void ask(const control::AnyRequest& request, std::uint64_t id = 1) {
    send(encode(control::RequestLine{id, request}));
  }

  /// The next line; none when the server has closed the connection.
  std::optional<std::string> line() {
    const bool came = server_.poll_until([&] {
      take();
      return is_closed_ || received_.find('\n') != std::string::npos;
    });
    REQUIRE(came);
    const std::size_t end = received_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    return line;
  }
  control::ReplyLine reply() {
    const std::optional<std::string> text = line();
    REQUIRE(text);
    return control::decode_reply(*text);
  }
  template <class Kind>
  Kind reply_of() {
    control::ReplyLine line = reply();
    if (const auto* refused = std::get_if<control::reply::Refused>(&line.reply)) UNSCOPED_INFO(refused->message);
    REQUIRE(std::holds_alternative<Kind>(line.reply));
    return std::get<Kind>(line.reply);
  }
  /// Whether all has come and the server has closed.
  bool is_closed_by_server() {
    return server_.poll_until([&] {
      take();
      return is_closed_;
    });
  }
  /// Nothing has come, and nothing comes while the server does all that it has to do.
  bool is_silent() {
    for (int i = 0; i < 10; ++i) server_.poll();
    take();
    return received_.empty() && !is_closed_;
  }

  void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  void disconnect() { socket_.reset(); }

 private:
  void take() {
    std::string buffer(1 << 16, '\0');
    for (;;) {
      const ssize_t num = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (num > 0) {
        received_.append(buffer, 0, static_cast<std::size_t>(num));
        continue;
      }
      is_closed_ = is_closed_ || num == 0 || errno != EAGAIN;
      return;
    }
  }

  TestServer& server_;
  support::UniqueFd socket_;
  std::string received_;
  bool is_closed_ = false;
};

}  // namespace drover::test
