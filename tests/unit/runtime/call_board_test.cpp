#include "drover/runtime/call_board.hpp"

#include <poll.h>

#include <future>

#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;
using runtime::CallBoard;
using runtime::CallPtr;

namespace {

core::TaskSpec named(const std::string& name, std::uint8_t priority = core::kNormalPriority) {
  core::TaskSpec spec;
  spec.payload = name;
  spec.priority = priority;
  return spec;
}

bool is_readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

CallBoard::Ended success(std::uint64_t number, const std::string& value = "") {
  return {number, {core::TaskEnd::succeeded, core::Exited{0}, 1, value, ""}};
}

CallBoard::Ended failure(std::uint64_t number) {
  return {number, {core::TaskEnd::failed, core::Threw{"", "no"}, 1, "", ""}};
}

}  // namespace

TEST_CASE("what is submitted is taken by priority, and in order within one") {
  CallBoard board;
  CHECK_FALSE(is_readable(board.fd()));
  const std::vector<CallPtr> calls{board.submit(named("a")), board.submit(named("urgent", 255)),
                                   board.submit(named("b")), board.submit(named("idle", 0))};
  CHECK(is_readable(board.fd()));
  std::vector<std::string> taken;
  for (const auto& submitted : board.take_submitted(3)) taken.push_back(submitted.spec.payload);
  CHECK(taken == std::vector<std::string>{"urgent", "a", "b"});
  CHECK(board.has_submitted());
  CHECK(board.take_submitted(3).at(0).spec.payload == "idle");
  CHECK_FALSE(board.has_submitted());
  CHECK_FALSE(is_readable(board.fd()));
}

TEST_CASE("the end of a call wakes those who wait for it") {
  CallBoard board;
  const CallPtr call = board.submit(named("a"));
  const std::uint64_t number = board.take_submitted(9).at(0).number;
  auto value = std::async(std::launch::async, [&] { return board.wait(call).value; });
  CHECK_FALSE(board.has_ended(call));
  board.end({success(number, "42")});
  CHECK(value.get() == "42");
  CHECK(board.has_ended(call));
}

TEST_CASE("waiting for any gives the first that has ended") {
  CallBoard board;
  const std::vector<CallPtr> calls{board.submit(named("a")), board.submit(named("b"))};
  const auto taken = board.take_submitted(9);
  board.end({success(taken[1].number)});
  CHECK(board.wait_any(calls) == 1);
}

TEST_CASE("a call is cancelled here while it can be, and by the loop once it was taken") {
  CallBoard board;
  const CallPtr early = board.submit(named("early"));
  board.cancel(early);
  CHECK(board.wait(early).how == core::TaskEnd::cancelled);
  CHECK(board.take_submitted(9).empty());

  const CallPtr late = board.submit(named("late"));
  const std::uint64_t number = board.take_submitted(9).at(0).number;
  board.cancel(late);
  board.cancel(late);
  CHECK_FALSE(board.has_ended(late));
  CHECK(is_readable(board.fd()));
  CHECK(board.take_cancelled() == std::vector<std::uint64_t>{number});
  CHECK(board.take_cancelled().empty());
}

TEST_CASE("a call that comes after others waits for all of them") {
  CallBoard board;
  const std::vector<CallPtr> first{board.submit(named("a")), board.submit(named("b"))};
  const CallPtr second = board.submit(named("c"), first);
  const auto taken = board.take_submitted(9);
  REQUIRE(taken.size() == 2);

  SECTION("and is there once they have succeeded") {
    board.end({success(taken[0].number)});
    CHECK(board.take_submitted(9).empty());
    board.end({success(taken[1].number)});
    CHECK(board.take_submitted(9).at(0).spec.payload == "c");
  }
  SECTION("and is cancelled when one fails, with all that come after it") {
    const CallPtr third = board.submit(named("d"), std::vector<CallPtr>{second});
    board.end({failure(taken[0].number)});
    CHECK(board.wait(second).how == core::TaskEnd::cancelled);
    CHECK(board.wait(third).how == core::TaskEnd::cancelled);
    board.end({success(taken[1].number)});
    CHECK(board.take_submitted(9).empty());
  }
  SECTION("and needs no wait for those that have ended before") {
    board.end({success(taken[0].number), success(taken[1].number)});
    (void)board.take_submitted(9);
    const CallPtr late = board.submit(named("late"), first);
    CHECK(board.take_submitted(9).at(0).spec.payload == "late");
  }
}

TEST_CASE("actions follow the end of their call, also when it has ended before") {
  CallBoard board;
  const CallPtr call = board.submit(named("a"));
  std::vector<int> order;
  board.then(call, [&] { order.push_back(1); });
  board.end({success(board.take_submitted(9).at(0).number)});
  board.then(call, [&] { order.push_back(2); });
  board.wait_all();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("what an action throws is thrown once by whoever waits next for a task of the same submitter") {
  CallBoard board;
  const auto mine = std::make_shared<runtime::CallTally>();
  const auto others = std::make_shared<runtime::CallTally>();
  const CallPtr call = board.submit(named("a"), {}, mine);
  const CallPtr endless = board.submit(named("b"), {}, mine);
  const CallPtr anothers = board.submit(named("c"), {}, others);
  board.then(call, [] { throw std::domain_error("of an action"); });
  const auto taken = board.take_submitted(9);
  board.end({success(taken[0].number), success(taken[2].number)});
  CHECK(board.wait(anothers).how == core::TaskEnd::succeeded);
  SECTION("by a wait for one that has not ended") {
    CHECK_THROWS_AS(board.wait(endless), std::domain_error);
    CHECK_FALSE(board.wait_for(endless, 1ns));
  }
  SECTION("by a wait for the next") {
    const auto queue = std::make_shared<runtime::EndQueue>();
    board.tell_end(endless, queue, 0);
    CHECK_THROWS_AS(board.wait_next(*queue), std::domain_error);
  }
  SECTION("by a wait for all") {
    CHECK_THROWS_AS(board.wait_all(mine), std::domain_error);
  }
  SECTION("by the end of what submitted it, once it has been done") {
    board.end({success(taken[1].number)});
    board.wait_all(others);
    CHECK_THROWS_AS(board.end_waiting(mine), std::domain_error);
    board.end_waiting(mine);
  }
}

TEST_CASE("when the board is closed, what has not ended ends as stopped, and so does what is submitted later") {
  CallBoard board;
  const CallPtr taken = board.submit(named("a"));
  (void)board.take_submitted(9);
  const CallPtr queued = board.submit(named("b"));
  const CallPtr blocked = board.submit(named("c"), std::vector<CallPtr>{taken});
  board.close("the power went out");
  for (const CallPtr& call : {taken, queued, blocked, board.submit(named("d"))}) {
    CHECK_FALSE(board.wait(call).how.has_value());
    CHECK(board.wait(call).reason == "the power went out");
  }
  board.wait_all();
}

TEST_CASE("a tally counts what comes after others, until it is taken or never will be") {
  CallBoard board;
  const auto tally = std::make_shared<runtime::CallTally>();
  const CallPtr first = board.submit(named("first"), {}, tally);
  const CallPtr second = board.submit(named("second"), std::vector{first}, tally);
  const CallPtr third = board.submit(named("third"), std::vector{second}, tally);
  const auto number = board.take_submitted(9).at(0).number;
  CHECK_FALSE(board.wait_until_taken(*tally, 0ns));
  board.end({success(number)});
  CHECK_FALSE(board.wait_until_taken(*tally, 0ns));
  const auto second_number = board.take_submitted(9).at(0).number;
  CHECK_FALSE(board.wait_until_taken(*tally, 0ns));
  board.end({failure(second_number)});
  CHECK(board.has_ended(third));
  CHECK(board.wait_until_taken(*tally, 0ns));
}

TEST_CASE("whoever wants to hears of progress as it comes") {
  CallBoard board;
  const CallPtr call = board.submit(named("call"));
  double heard = 0;
  board.on_progress(call, [&](const runtime::CallProgress& progress) { heard = progress.fraction; });
  board.set_progress(board.take_submitted(1).at(0).number, {0.25, "a quarter"});
  CHECK(heard == 0.25);
  CHECK(board.progress(call).text == "a quarter");
}
