#include "drover/runtime/call_outlet.hpp"

#include "drover/runtime/function_desk.hpp"
#include "support/catch.hpp"

using namespace drover;

namespace {

/// A board that many tasks have been put on, and what has come out of it.
struct Fixture {
  runtime::CallBoard board;
  std::uint64_t num_sent = 0;
  runtime::CallOutlet outlet{
      board, [this](const wire::Message& message) { num_sent += std::get<wire::Submit>(message).calls.size(); }};

  void submit(std::uint64_t num) {
    for (std::uint64_t i = 0; i < num; ++i) (void)board.submit({});
  }
};

/// Keeps what is sent.
class RecordingTransport final : public transport::Transport {
 public:
  void send(transport::Address to, std::string message) override {
    CHECK(to == core::WorkerId(1));
    sent.push_back(wire::decode(message));
  }
  void send_ahead(transport::Address to, std::string message) override { send(to, std::move(message)); }
  std::optional<transport::Incoming> receive() override { return std::nullopt; }
  [[nodiscard]] std::size_t num_unsent_bytes(std::optional<transport::Address>) const override { return 0; }
  [[nodiscard]] transport::Traffic traffic() const override { return {}; }
  void forget(transport::Address) override {}

  std::vector<wire::Message> sent;
};

/// A master with a queue of ten tasks, and a worker whose tasks fill it.
struct Master {
  core::Scheduler scheduler{[] {
    core::Policy policy;
    policy.max_queued_tasks = 10;
    return policy;
  }()};
  runtime::CallBoard session;
  RecordingTransport transport;
  runtime::FunctionDesk desk{session, transport};

  void submit(std::uint64_t num) {
    wire::Submit submit;
    submit.calls.resize(num);
    (void)scheduler.handle(desk.submit(core::WorkerId(1), submit), {});
    desk.on_turn(scheduler, {});
  }
};

}  // namespace

TEST_CASE("no more tasks leave than there is room for") {
  Fixture f;
  f.submit(wire::kCallWindow + 500);
  CHECK(f.outlet.push());
  CHECK(f.num_sent == wire::kCallWindow);
  CHECK(f.outlet.fd() == -1);
  CHECK_FALSE(f.outlet.push());
  f.outlet.acknowledge({100});
  CHECK(f.outlet.fd() == f.board.fd());
  CHECK(f.outlet.push());
  CHECK(f.num_sent == wire::kCallWindow + 100);
}

TEST_CASE("a tally tells when what one has submitted is on its way") {
  Fixture f;
  const auto tally = std::make_shared<runtime::CallTally>();
  CHECK(f.board.wait_until_taken(*tally, core::Duration::zero()));
  f.submit(wire::kCallWindow);
  (void)f.board.add({}, tally);
  CHECK(f.outlet.push());
  CHECK_FALSE(f.board.wait_until_taken(*tally, core::Duration::zero()));
  f.outlet.acknowledge({1});
  CHECK(f.outlet.push());
  CHECK(f.board.wait_until_taken(*tally));
  (void)f.board.add({}, tally);
  f.board.close("over");
  CHECK(f.board.wait_until_taken(*tally));
}

TEST_CASE("those who submit wait for room at the board, those who must not wait do not") {
  runtime::CallBoard board;
  core::TaskSpec spec;
  std::size_t num_submitted = 0;
  for (; board.has_room(); ++num_submitted) REQUIRE(board.try_submit(spec));
  CHECK(num_submitted == 10'000);
  CHECK_FALSE(board.try_submit(spec));
  CHECK(board.add(spec));
  CHECK(board.take_submitted(2).size() == 2);
  CHECK(board.try_submit(spec));
  CHECK_FALSE(board.try_submit(spec));
}

TEST_CASE("a worker hears of room while the queue has some") {
  Master master;
  master.submit(9);
  CHECK(master.transport.sent.empty());  // not worth a message
  master.submit(wire::kCallWindow);
  CHECK(master.transport.sent.empty());  // the queue is full
  (void)master.scheduler.handle(core::event::CancelRequested{[] {
                                  std::vector<core::TaskId> tasks;
                                  for (std::uint64_t id = 1; id <= wire::kCallWindow; ++id) tasks.emplace_back(id);
                                  return tasks;
                                }()},
                                {});
  master.desk.on_turn(master.scheduler, {});
  CHECK(master.transport.sent == std::vector<wire::Message>{wire::SubmitAck{wire::kCallWindow + 9}});
}

TEST_CASE("a run that stops keeps nobody waiting for room") {
  Master master;
  master.submit(wire::kCallWindow);
  CHECK(master.transport.sent.empty());
  (void)master.scheduler.handle(core::event::StopRequested{core::StopReason::requested, false, {}}, {});
  master.desk.on_turn(master.scheduler, {});
  CHECK(master.transport.sent == std::vector<wire::Message>{wire::SubmitAck{wire::kCallWindow}});
}
