#include "drover/control/control_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <deque>

#include "unit/control/control_peer.hpp"

using namespace drover::control;
using namespace drover::core;
using namespace drover::test;
using namespace std::chrono_literals;

namespace {

request::Submit submission(std::string command) {
  return {{{TaskKind::command, std::move(command), {}, ""}}, true};
}

bool is_readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

/// Replies of about a KiB.
reply::Note long_note(char c) {
  return {std::string(1000, c)};
}

}  // namespace

TEST_CASE("a request reaches the handler, and its replies the client") {
  TestServer it;
  TestClient client(it);
  client.ask(request::Stop{true}, 7);
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  CHECK(std::get<request::Stop>(it.handler.taken[0].request).now);
  CHECK(client.is_silent());

  it.server.stream(it.handler.taken[0].from, reply::Note{"wait"});
  it.server.reply(it.handler.taken[0].from, reply::Stopping{3, 4});
  const ReplyLine note = client.reply();
  CHECK(note.id == 7);
  CHECK(note.has_more);
  CHECK(std::get<reply::Note>(note.reply).text == "wait");
  const ReplyLine last = client.reply();
  CHECK(last.id == 7);
  CHECK_FALSE(last.has_more);
  CHECK(std::get<reply::Stopping>(last.reply).num_unfinished == 4);

  // The request has had its last reply.
  it.server.reply(it.handler.taken[0].from, reply::Stopping{});
  it.server.stream(it.handler.taken[0].from, reply::Note{"late"});
  CHECK(client.is_silent());
  CHECK(it.handler.gone.empty());
}

TEST_CASE("a handler may answer at once") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) { it.server.refuse(from, ErrorCode::impossible, "no"); };
  TestClient client(it);
  client.ask(request::Close{});
  const auto refused = client.reply_of<reply::Refused>();
  CHECK(refused.code == ErrorCode::impossible);
  CHECK(refused.message == "no");
}

TEST_CASE("requests may come in one piece, in many, and before earlier ones are answered") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) {
    it.server.reply(from, reply::Closed{from.request.value});
  };
  TestClient client(it);
  const std::string line = encode(RequestLine{5, AnyRequest(Request(request::Close{}))});
  client.send(line + "\n  \r\n" + line);
  CHECK(client.reply().id == 5);
  CHECK(client.reply().id == 5);
  for (const char c : line) {
    client.send({&c, 1});
    it.poll();
  }
  CHECK(client.reply().id == 5);
  CHECK(it.handler.taken.size() == 3);
}

TEST_CASE("the server itself says who it is") {
  TestServer it;
  TestClient client(it);
  client.ask(request::Hello{});
  CHECK(client.reply_of<reply::Hello>().run_id == "test-run");
  reply::Hello about = about_test();
  about.name_server = "1.0;tcp://x";
  it.server.set_about(about);
  client.ask(request::Hello{});
  CHECK(client.reply_of<reply::Hello>().name_server == "1.0;tcp://x");
  CHECK(it.handler.taken.empty());
  client.disconnect();
  CHECK(it.poll_until([&] { return it.server.num_clients() == 0; }));
  CHECK(it.handler.gone.empty());
}

TEST_CASE("garbage is answered with what was expected, and the connection goes on") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) { it.server.reply(from, reply::Closed{}); };
  TestClient client(it);
  for (const char* garbage : {"hello\n", "{}\n", "\xff\xfe\xfd\n", "GET / HTTP/1.1\r\n",
                              R"({"v":1,"request":"x"})"
                              "\n"}) {
    client.send(garbage);
    const auto refused = client.reply_of<reply::Refused>();
    CHECK(refused.code == ErrorCode::bad_request);
    CHECK_FALSE(refused.expected.empty());
  }
  std::string random;
  std::uint32_t state = 1;
  for (int i = 0; i < 20'000; ++i) random += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  client.send(random + "\n");
  client.ask(request::Close{}, 99);
  for (;;) {
    const ReplyLine line = client.reply();
    if (line.id == 99) break;
    CHECK(std::holds_alternative<reply::Refused>(line.reply));
  }
  CHECK(it.handler.taken.size() == 1);
}

TEST_CASE("what the master has started needs no place, and its login may print what it likes") {
  TestServer it(ServerLimits{.num_clients = 1});
  TestClient first(it);
  first.ask(request::Hello{});
  (void)first.reply();
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  const ClientId id = it.server.adopt(drover::support::UniqueFd(ends[0]));
  TestClient adopted(it, drover::support::UniqueFd(ends[1]));
  adopted.send("Welcome to node5\n*** maintenance on Monday ***\n");
  CHECK(adopted.is_silent());
  adopted.ask(request::Close{});
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  CHECK(it.handler.taken[0].from.client == id);
  it.server.reply(it.handler.taken[0].from, reply::Closed{});
  (void)adopted.reply();
  adopted.send("nonsense\n");
  CHECK(adopted.reply_of<reply::Refused>().code == ErrorCode::bad_request);
  adopted.disconnect();
  CHECK(it.poll_until([&] { return it.handler.gone.size() == 1; }));
}

TEST_CASE("a hundred MiB without a newline are not taken in") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) { it.server.reply(from, reply::Closed{}); };
  TestClient culprit(it);
  TestClient other(it);
  const std::string piece(1 << 20, 'x');
  std::size_t num_sent = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t num = culprit.send(piece);
    num_sent += num;
    if (num < piece.size()) break;
  }
  // What the socket itself holds comes on top of the longest line.
  CHECK(num_sent < 3 * kMostLineBytes);
  CHECK(culprit.reply_of<reply::Refused>().code == ErrorCode::too_long);
  CHECK(culprit.is_closed_by_server());
  other.ask(request::Close{});
  CHECK(std::holds_alternative<reply::Closed>(other.reply().reply));
}

TEST_CASE("the longest line is taken, one byte more is not") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) { it.server.reply(from, reply::Closed{}); };
  const std::string line = encode(RequestLine{1, AnyRequest(Request(submission("#")))});
  std::string longest = line.substr(0, line.size() - 1);
  longest.insert(longest.find('#'), kMostLineBytes - longest.size(), '#');
  {
    TestClient client(it);
    client.send(longest + "\n");
    CHECK(std::holds_alternative<reply::Closed>(client.reply().reply));
  }
  TestClient client(it);
  longest.insert(longest.find('#'), 1, '#');
  client.send(longest + "\n");
  CHECK(client.reply_of<reply::Refused>().code == ErrorCode::too_long);
  CHECK(it.handler.taken.size() == 1);
}

TEST_CASE("one who stalls within a line holds up nobody") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) { it.server.reply(from, reply::Closed{}); };
  TestClient stalled(it);
  stalled.send(R"({"v":1,"requ)");
  TestClient client(it);
  client.ask(request::Close{});
  CHECK(std::holds_alternative<reply::Closed>(client.reply().reply));
  it.advance(10h);
  CHECK(stalled.is_silent());
  CHECK_FALSE(is_readable(it.server.fd()));
  stalled.send(R"(est":"close"})"
               "\n");
  CHECK(std::holds_alternative<reply::Closed>(stalled.reply().reply));
}

TEST_CASE("a client that goes is told of once, and what is said to it is dropped") {
  TestServer it;
  auto client = std::make_unique<TestClient>(it);
  client->ask(submission("sleep 1"));
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  const RequestRef from = it.handler.taken[0].from;
  it.server.stream(from, reply::Note{"x"});
  client->disconnect();
  REQUIRE(it.poll_until([&] { return !it.handler.gone.empty(); }));
  it.server.stream(from, reply::Note{"x"});
  it.server.reply(from, reply::SubmitEnd{});
  for (int i = 0; i < 10; ++i) it.poll();
  CHECK(it.handler.gone == std::vector{from.client});
  CHECK(it.server.num_clients() == 0);
}

TEST_CASE("a client that goes in the middle of a long reply harms nobody") {
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) {
    it.server.reply(from, reply::Explanation{std::string(3 << 20, 'x')});
  };
  TestClient other(it);
  {
    TestClient client(it);
    client.ask(request::Explain{TaskId(1)});
    REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  }
  CHECK(it.poll_until([&] { return it.handler.gone.size() == 1; }));
  other.ask(request::Explain{TaskId(1)});
  CHECK(other.reply_of<reply::Explanation>().text.size() == 3 << 20);
}

TEST_CASE("what a client says last counts, though it does not stay") {
  TestServer it;
  {
    TestClient client(it);
    client.ask(request::Stop{});
    client.ask(request::Close{});
  }
  CHECK(it.poll_until([&] { return it.handler.gone.size() == 1; }));
  CHECK(it.handler.taken.size() == 2);
}

TEST_CASE("a client that has finished speaking still gets its replies") {
  TestServer it;
  TestClient client(it);
  client.ask(request::Status{});
  client.finish_sending();
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  CHECK(client.is_silent());
  CHECK_FALSE(is_readable(it.server.fd()));
  it.server.reply(it.handler.taken[0].from, reply::Status{});
  (void)client.reply_of<reply::Status>();
  CHECK(client.is_closed_by_server());
  CHECK(it.handler.gone.size() == 1);
}

TEST_CASE("only so many clients at once, but an idle one makes room") {
  TestServer it({3, 4U << 20, 10s});
  std::deque<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(it);
    it.advance(1s);
    it.poll();
  }
  clients[0].ask(request::Events{});  // it waits for something: it is not idle
  (void)clients[0].reply_of<reply::Subscribed>();
  CHECK(it.server.num_clients() == 3);
  {
    TestClient refused(it);
    CHECK(refused.reply_of<reply::Refused>().code == ErrorCode::too_many_clients);
    CHECK(refused.is_closed_by_server());
  }
  it.advance(10s);
  TestClient admitted(it);
  admitted.ask(request::Hello{});
  (void)admitted.reply_of<reply::Hello>();
  CHECK(clients[1].is_closed_by_server());
  CHECK(clients[0].is_silent());
  CHECK(clients[2].is_silent());
  CHECK(it.server.num_clients() == 3);
}

TEST_CASE("only so many unanswered requests a client") {
  TestServer it;
  TestClient client(it);
  for (std::size_t i = 0; i < kMostOpenRequests; ++i) client.ask(request::Status{}, i + 1);
  client.ask(request::Status{}, 1000);
  const ReplyLine line = client.reply();
  CHECK(line.id == 1000);
  CHECK(std::get<reply::Refused>(line.reply).code == ErrorCode::too_many_requests);
  CHECK(it.handler.taken.size() == kMostOpenRequests);
  it.server.reply(it.handler.taken[0].from, reply::Status{});
  (void)client.reply_of<reply::Status>();
  client.ask(request::Status{}, 1001);
  CHECK(it.poll_until([&] { return it.handler.taken.size() == kMostOpenRequests + 1; }));
}

TEST_CASE("a stream that is not read is bounded, and told of what it missed") {
  constexpr int kNumSent = 10'000;
  TestServer it({256, 1U << 20, 10s});
  TestClient client(it);
  client.ask(submission("x"), 3);
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  const RequestRef from = it.handler.taken[0].from;
  for (int i = 0; i < kNumSent; ++i) {
    it.server.stream(from, long_note('a'));
    it.poll();
  }
  it.server.reply(from, reply::SubmitEnd{1, 0});

  int num_notes = 0;
  std::uint64_t num_missed = 0;
  for (bool has_more = true; has_more;) {
    const ReplyLine line = client.reply();
    has_more = line.has_more;
    CHECK(line.id == 3);
    num_notes += std::holds_alternative<reply::Note>(line.reply) ? 1 : 0;
    if (const auto* missed = std::get_if<reply::Missed>(&line.reply)) num_missed += missed->num_replies;
  }
  CHECK(num_notes > 500);
  CHECK(num_missed > 0);
  CHECK(num_notes + static_cast<int>(num_missed) == kNumSent);
}

TEST_CASE("a stream goes on once its reader has caught up") {
  TestServer it({256, 1U << 20, 10s});
  TestClient client(it);
  client.ask(request::Events{});
  (void)client.reply_of<reply::Subscribed>();
  const std::string event = R"({"event":")" + std::string(1000, 'e') + R"("})";
  for (int i = 0; i < 5'000; ++i) it.server.publish(event);
  std::uint64_t num_events = 0;
  for (;;) {
    const ReplyLine line = client.reply();
    if (const auto* missed = std::get_if<reply::Missed>(&line.reply)) {
      CHECK(missed->num_replies + num_events == 5'000);
      break;
    }
    ++num_events;
  }
  it.server.publish(R"({"event":"next"})");
  CHECK(client.reply_of<reply::Event>().json == R"({"event":"next"})");
}

TEST_CASE("events go to those who follow, and to nobody else") {
  TestServer it;
  TestClient follower(it);
  TestClient other(it);
  it.server.publish(R"({"event":"early"})");
  CHECK_FALSE(it.server.has_subscribers());
  follower.ask(request::Events{}, 4);
  (void)follower.reply_of<reply::Subscribed>();
  CHECK(it.server.has_subscribers());
  it.server.publish(R"({"event":"input_ended"})");
  const ReplyLine event = follower.reply();
  CHECK(event.id == 4);
  CHECK(event.has_more);
  CHECK(std::get<reply::Event>(event.reply).json == R"({"event":"input_ended"})");
  CHECK(other.is_silent());
  CHECK(it.handler.taken.empty());
  follower.disconnect();
  CHECK(it.poll_until([&] { return !it.server.has_subscribers(); }));
}

TEST_CASE("one who asks and does not read is left waiting, and loses nothing") {
  constexpr std::size_t kNumRequests = 1'000;
  TestServer it;
  it.handler.answer = [&](RequestRef from, const Request&) {
    it.server.reply(from, reply::Explanation{std::string(10'000, 'x')});
  };
  TestClient client(it);
  std::string requests;
  for (std::size_t i = 0; i < kNumRequests; ++i)
    requests += encode(RequestLine{1, AnyRequest(Request(request::Explain{TaskId(1)}))});
  std::size_t num_sent = 0;
  for (int i = 0; i < 200; ++i) {
    num_sent += client.send_some(std::string_view(requests).substr(num_sent));
    it.poll();
  }
  // A MiB of answers, and what the sockets hold.
  CHECK(it.handler.taken.size() < 300);
  CHECK(it.server.num_clients() == 1);
  for (std::size_t i = 0; i < kNumRequests; ++i) {
    num_sent += client.send_some(std::string_view(requests).substr(num_sent));
    (void)client.reply_of<reply::Explanation>();
  }
  CHECK(it.handler.taken.size() == kNumRequests);
}

TEST_CASE("the descriptor is readable exactly when there is something to do") {
  TestServer it;
  CHECK_FALSE(is_readable(it.server.fd()));
  TestClient client(it);
  CHECK(is_readable(it.server.fd()));
  it.poll();
  CHECK_FALSE(is_readable(it.server.fd()));
  client.ask(request::Status{});
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 1; }));
  CHECK_FALSE(is_readable(it.server.fd()));
  it.server.reply(it.handler.taken[0].from, reply::Status{});
  CHECK(is_readable(it.server.fd()));
  it.poll();
  CHECK_FALSE(is_readable(it.server.fd()));
}

TEST_CASE("running out of descriptors neither spins nor ends the service") {
  TestServer it;
  TestClient client(it);
  client.ask(request::Hello{});
  (void)client.reply_of<reply::Hello>();
  Connected waiting = connect_to(it.directory.path());
  REQUIRE(waiting.socket);
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const drover::support::UniqueFd lowest_free(::open("/dev/null", O_RDONLY));
  const rlimit none{static_cast<rlim_t>(lowest_free.get()), old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  it.poll();
  const bool spins = is_readable(it.server.fd());
  client.ask(request::Hello{});
  const ReplyLine line = client.reply();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK_FALSE(spins);
  CHECK(std::holds_alternative<reply::Hello>(line.reply));
  CHECK(it.server.num_clients() == 1);
  it.advance(1s);
  CHECK(it.poll_until([&] { return it.server.num_clients() == 2; }));
}

TEST_CASE("at the end everybody is told, and the socket is gone") {
  TestServer it;
  TestClient follower(it);
  TestClient asker(it);
  TestClient stuck(it);
  follower.ask(request::Events{});
  (void)follower.reply_of<reply::Subscribed>();
  asker.ask(request::Status{});
  stuck.ask(request::Explain{TaskId(1)});
  REQUIRE(it.poll_until([&] { return it.handler.taken.size() == 2; }));
  it.server.publish(R"({"event":"last"})");
  it.server.reply(it.handler.taken[1].from, reply::Explanation{std::string(5 << 20, 'x')});

  it.server.close(50ms);
  CHECK(follower.reply_of<reply::Event>().json == R"({"event":"last"})");
  (void)follower.reply_of<reply::RunOver>();
  CHECK(follower.is_closed_by_server());
  CHECK(asker.reply_of<reply::Refused>().code == ErrorCode::run_over);
  CHECK(asker.is_closed_by_server());
  CHECK(it.server.num_clients() == 0);
  CHECK(it.handler.gone.empty());
  CHECK(connect_to(it.directory.path()).error == ENOENT);
}
