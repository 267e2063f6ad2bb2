#include "drover/control/control_client.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "drover/control/run_finder.hpp"
#include "unit/control/control_peer.hpp"

using namespace drover::control;
using namespace drover::core;
using namespace drover::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Reason = Unreachable::Reason;

namespace {

constexpr Duration kPatience = 20s;

/// A server on a thread of its own, as a master in another process would be.
class Master {
 public:
  using Answer = std::function<void(ControlServer&, RequestRef, const Request&)>;

  explicit Master(Answer answer) {
    it_.handler.answer = [this, answer](RequestRef from, const Request& request) { answer(it_.server, from, request); };
    thread_ = std::thread([this] {
      while (!is_ended_) {
        it_.poll();
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  ~Master() { stop(); }
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// Afterwards nobody polls.
  void stop() {
    is_ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// Only once it has been stopped.
  ControlServer& server() { return it_.server; }
  [[nodiscard]] const fs::path& run_dir() const { return it_.directory.path(); }

 private:
  TestServer it_;
  std::atomic<bool> is_ended_ = false;
  std::thread thread_;
};

void answer_closed(ControlServer& server, RequestRef from, const Request&) {
  server.reply(from, reply::Closed{3});
}

template <class Action>
Reason reason_of(const Action& action) {
  try {
    action();
  } catch (const Unreachable& e) {
    INFO(e.what());
    CHECK_FALSE(std::string(e.what()).empty());
    return e.reason();
  }
  FAIL("nothing was thrown");
  throw 0;
}

std::string usage_error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const drover::UsageError& e) {
    return e.what();
  }
  FAIL("nothing was thrown");
  throw 0;
}

/// The lock of a master on another host.
class ForeignMaster {
 public:
  explicit ForeignMaster(const fs::path& run_dir) : lock_(::open(lock_path(run_dir).c_str(), O_RDWR | O_CREAT, 0600)) {
    const std::string place = "node-of-another-world 17\n";
    REQUIRE(::write(lock_.get(), place.data(), place.size()) == static_cast<ssize_t>(place.size()));
    REQUIRE(::flock(lock_.get(), LOCK_EX) == 0);
  }

 private:
  drover::support::UniqueFd lock_;
};

}  // namespace

TEST_CASE("a question and its answer") {
  const Master master(answer_closed);
  ControlClient client(master.run_dir(), kPatience);
  CHECK(client.ask<reply::Closed>(Request(request::Close{})).num_unfinished == 3);
  CHECK(client.ask<reply::Hello>(request::Hello{}).run_id == "test-run");
}

TEST_CASE("answers may come in another order than their questions, and in many pieces") {
  std::vector<RequestRef> asked;
  const Master master([&](ControlServer& server, RequestRef from, const Request&) {
    asked.push_back(from);
    if (asked.size() < 2) return;
    for (int i = 0; i < 5000; ++i) server.stream(asked[0], reply::Note{std::string(500, 'n')});
    server.reply(asked[1], reply::Closed{2});
    server.reply(asked[0], reply::Closed{1});
  });
  ControlClient client(master.run_dir(), kPatience);
  const std::uint64_t first = client.send(Request(request::Close{}));
  const std::uint64_t second = client.send(Request(request::Close{}));
  for (int i = 0; i < 5000; ++i) {
    const ReplyLine line = client.receive();
    REQUIRE(std::holds_alternative<reply::Note>(line.reply));
    REQUIRE(line.id == first);
  }
  CHECK(client.receive().id == second);
  CHECK(client.receive().id == first);
}

TEST_CASE("a refusal becomes an error with the master's words") {
  const Master master([](ControlServer& server, RequestRef from, const Request&) {
    server.refuse(from, ErrorCode::unknown_target, "there is no group 9");
  });
  ControlClient client(master.run_dir(), kPatience);
  try {
    (void)client.ask<reply::Draining>(Request(request::Drain{GroupId(9)}));
    FAIL("not refused");
  } catch (const RequestRefused& e) {
    CHECK(e.code() == ErrorCode::unknown_target);
    CHECK(std::string(e.what()) == "there is no group 9");
  }
}

TEST_CASE("a master that is stuck is given up") {
  Master master(answer_closed);
  master.stop();
  ControlClient client(master.run_dir(), 200ms);
  CHECK(reason_of([&] { (void)client.ask<reply::Closed>(Request(request::Close{})); }) == Reason::no_answer);
}

TEST_CASE("an answer that takes long is waited for as long as the master is alive") {
  std::vector<RequestRef> asked;
  const Master master([&](ControlServer& server, RequestRef from, const Request&) {
    asked.push_back(from);
    if (asked.size() == 2) server.reply(asked[0], reply::Closed{});
  });
  ControlClient client(master.run_dir(), 2s);
  client.send(Request(request::Close{}));
  // Longer than the client's patience with one who says nothing at all.
  const auto answer_at = std::chrono::steady_clock::now() + 3s;
  while (std::chrono::steady_clock::now() < answer_at) CHECK_FALSE(client.receive(answer_at).has_value());
  ControlClient(master.run_dir(), 2s).send(Request(request::Close{}));
  CHECK(std::holds_alternative<reply::Closed>(client.receive().reply));
}

TEST_CASE("a master that ends while an answer is due says so") {
  std::atomic<bool> was_asked = false;
  Master master([&](ControlServer&, RequestRef, const Request&) { was_asked = true; });
  ControlClient client(master.run_dir(), kPatience);
  client.send(Request(request::Close{}));
  while (!was_asked) (void)client.receive(std::chrono::steady_clock::now() + 1ms);
  master.stop();
  master.server().close(0ms);
  CHECK(std::get<reply::Refused>(client.receive().reply).code == ErrorCode::run_over);
  CHECK(reason_of([&] { (void)client.receive(); }) == Reason::lost);
}

TEST_CASE("a master that dies while an answer is due") {
  const TemporaryDirectory directory;
  const ControlSocket socket(directory.path());
  ControlClient client(directory.path(), kPatience);
  client.send(Request(request::Close{}));
  {
    const drover::support::UniqueFd connection(::accept4(socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(connection);
  }
  CHECK(reason_of([&] { (void)client.receive(); }) == Reason::lost);
}

TEST_CASE("a master that talks nonsense") {
  const TemporaryDirectory directory;
  const ControlSocket socket(directory.path());
  ControlClient client(directory.path(), kPatience);
  const drover::support::UniqueFd connection(::accept4(socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(connection);
  REQUIRE(::send(connection.get(), "hello\n", 6, MSG_NOSIGNAL) == 6);
  CHECK_THROWS_AS(client.receive(), drover::Error);
}

TEST_CASE("requests that no master would take are not sent") {
  const Master master(answer_closed);
  ControlClient client(master.run_dir(), kPatience);
  const auto submission = [](std::string command) {
    return AnyRequest(Request(request::Submit{{{TaskKind::command, std::move(command), {}, ""}}, false}));
  };
  CHECK_THROWS_AS(client.send(submission("")), drover::UsageError);
  CHECK_THROWS_AS(client.send(submission(std::string(kMostLineBytes, 'x'))), drover::UsageError);
  CHECK(client.ask<reply::Closed>(submission("true")).num_unfinished == 3);
}

TEST_CASE("why there is nobody to talk to") {
  const TemporaryDirectory directory;
  const auto connect_to_it = [&] { (void)ControlClient(directory.path(), 200ms); };
  CHECK(reason_of([&] { (void)ControlClient(directory / "missing", 200ms); }) == Reason::no_run);
  CHECK(reason_of(connect_to_it) == Reason::over);
  SECTION("its master died") {
    REQUIRE(crash_using<ControlSocket>([](ControlSocket&) {}, directory.path()));
    try {
      connect_to_it();
      FAIL("connected");
    } catch (const Unreachable& e) {
      CHECK(e.reason() == Reason::over);
      CHECK(std::string(e.what()).find("died; go on with: drover run --resume") != std::string::npos);
    }
  }
  SECTION("it is on another host") {
    const ForeignMaster foreign(directory.path());
    CHECK(reason_of(connect_to_it) == Reason::elsewhere);
  }
  SECTION("it was on another host, and died there") {
    { const ForeignMaster foreign(directory.path()); }
    CHECK(reason_of(connect_to_it) == Reason::over);
  }
  SECTION("there are too many clients") {
    TestServer it({1, 4U << 20, 10s});
    TestClient first(it);
    it.poll();
    ControlClient client(it.directory.path(), kPatience);
    it.poll();
    CHECK(reason_of([&] { (void)client.receive(); }) == Reason::turned_away);
  }
}

TEST_CASE("the run that is meant") {
  const TemporaryDirectory base;
  const fs::path runs = base / "drover-runs";
  fs::create_directories(runs / "first");
  fs::create_directories(runs / "second");
  CHECK(choose_run("second", base.path()) == runs / "second");
  CHECK(choose_run((runs / "first").string(), base.path()) == runs / "first");
  CHECK(usage_error_of([&] { (void)choose_run("third", base.path()); }).find("there is no run 'third'") == 0);
  CHECK(usage_error_of([&] { (void)choose_run("", base.path()); }).find("is over") != std::string::npos);

  const ControlSocket first(runs / "first");
  CHECK(choose_run("", base.path()) == runs / "first");
  SECTION("several are live") {
    const ControlSocket second(runs / "second");
    fs::last_write_time(lock_path(runs / "first"), fs::file_time_type::clock::now() - 1h);
    const std::string error = usage_error_of([&] { (void)choose_run("", base.path()); });
    CHECK(error.find("2 runs are going on here") == 0);
    CHECK(error.find((runs / "second").string()) < error.find((runs / "first").string()));
    CHECK(choose_run("first", base.path()) == runs / "first");
  }
  SECTION("another is only in the directory itself") {
    fs::create_directories(base / "mine");
    const ControlSocket mine(base / "mine");
    const std::string error = usage_error_of([&] { (void)choose_run("", base.path()); });
    CHECK(error.find((base / "mine").string()) != std::string::npos);
  }
}

TEST_CASE("a run whose directory we are in, and one on another host") {
  const TemporaryDirectory base;
  CHECK(usage_error_of([&] { (void)choose_run("", base.path()); }).find("no run is going on here") == 0);
  {
    const ControlSocket socket(base.path());
    CHECK(choose_run("", base.path()) == base.path());
  }
  fs::create_directories(base / "drover-runs" / "far");
  const ForeignMaster foreign(base / "drover-runs" / "far");
  CHECK(usage_error_of([&] { (void)choose_run("", base.path()); }).find("node-of-another-world") != std::string::npos);
}
