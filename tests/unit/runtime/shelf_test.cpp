#include "drover/runtime/shelf.hpp"

#include <algorithm>
#include <future>

#include "drover/exec/function_table.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover;

namespace {

/// The master's shelf and a worker's, with what is on its way between them.
struct Fixture {
  runtime::Shelf master;
  runtime::Shelf worker;
  int num_loads = 0;
  std::size_t num_pieces = 0;

  std::future<std::string> take(wire::ValueId id) {
    return std::async(std::launch::async, [this, id] {
      const auto load = [this](std::string_view bytes) {
        ++num_loads;
        return std::make_shared<const std::string>(bytes);
      };
      return *std::static_pointer_cast<const std::string>(worker.take(id, typeid(std::string), load));
    });
  }

  /// Whether anything was wanted.
  bool carry() {
    const std::vector<wire::Fetch> wanted = worker.take_wanted();
    for (const wire::Fetch& fetch : wanted) {
      worker.add(master.piece(fetch));
      ++num_pieces;
    }
    return !wanted.empty();
  }

  template <class Future>
  void carry_until_ready(const Future& future) {
    while (future.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) (void)carry();
  }
};

}  // namespace

TEST_CASE("a value comes once, in pieces, however many take it") {
  Fixture f;
  std::string value(3'000'000, 'x');
  value.back() = 'y';
  const wire::ValueId id = f.master.put(value);
  CHECK_FALSE(f.carry());
  std::vector<std::future<std::string>> takers;
  for (int i = 0; i < 4; ++i) takers.push_back(f.take(id));
  for (auto& taker : takers) {
    f.carry_until_ready(taker);
    CHECK(taker.get() == value);
  }
  CHECK(f.num_loads == 1);
  CHECK(f.num_pieces == 3);
  CHECK(f.take(id).get() == value);
  CHECK_FALSE(f.carry());
}

TEST_CASE("of a large value, some pieces are on their way at a time") {
  Fixture f;
  const std::string value(30'000'000, 'x');
  auto taker = f.take(f.master.put(value));
  std::size_t most = 0;
  while (taker.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    const std::size_t before = f.num_pieces;
    (void)f.carry();
    most = std::max(most, f.num_pieces - before);
  }
  CHECK(taker.get() == value);
  CHECK(f.num_pieces == 29);
  CHECK(most > 1);
  CHECK(most <= 8);
}

TEST_CASE("an empty value is one, too") {
  Fixture f;
  auto taker = f.take(f.master.put(""));
  f.carry_until_ready(taker);
  CHECK(taker.get().empty());
}

TEST_CASE("a value that was let go is not waited for") {
  Fixture f;
  const wire::ValueId id = f.master.put("short-lived");
  auto early = f.take(id);
  f.carry_until_ready(early);
  CHECK(early.get() == "short-lived");
  f.master.remove(id);
  const std::vector<wire::ValueId> removed = f.master.take_removed();
  CHECK(removed == std::vector{id});
  CHECK(f.master.take_removed().empty());
  f.worker.release(removed);
  auto late = f.take(id);
  f.carry_until_ready(late);
  CHECK_THROWS_AS(late.get(), UsageError);
}

TEST_CASE("those who wait hear of it when a value is let go, and when nothing comes any more") {
  Fixture f;
  const wire::ValueId id = f.master.put("never fetched");
  auto waiting = f.take(id);
  while (f.worker.take_wanted().empty()) std::this_thread::yield();
  f.worker.release(std::vector{id});
  CHECK_THROWS_AS(waiting.get(), UsageError);
  auto other = f.take(id);
  while (f.worker.take_wanted().empty()) std::this_thread::yield();
  f.worker.close();
  CHECK_THROWS_AS(other.get(), exec::FunctionInterrupted);
}

TEST_CASE("a value is of one type") {
  Fixture f;
  const wire::ValueId id = f.master.put("text");
  auto taker = f.take(id);
  f.carry_until_ready(taker);
  CHECK(taker.get() == "text");
  CHECK_THROWS_AS(f.worker.take(id, typeid(int), {}), UsageError);
}

TEST_CASE("a shelf on the way has a value once all of it has come") {
  Fixture f;
  const wire::ValueId id = f.master.put(std::string(1'500'000, 'x'));
  CHECK_FALSE(f.worker.has(id));
  CHECK(f.carry());
  CHECK_FALSE(f.worker.has(id));
  CHECK(f.carry());
  CHECK(f.worker.has(id));
  CHECK(f.worker.piece({id, 0}) == f.master.piece({id, 0}));
  CHECK_FALSE(f.carry());

  const wire::ValueId unknown(77);
  CHECK_FALSE(f.worker.has(unknown));
  CHECK(f.carry());
  CHECK(f.worker.has(unknown));
  CHECK_FALSE(f.worker.piece({unknown, 0}).is_there);
}

TEST_CASE("the id of a value tells its contents, also to another session") {
  runtime::Shelf before;
  const wire::ValueId a = before.put("a");
  const wire::ValueId b = before.put("b");
  const wire::ValueId a_again = before.put("a");
  CHECK(a != b);
  CHECK(a != a_again);
  runtime::Shelf after;
  CHECK(after.put("b") == b);
  CHECK(after.put("a") == a);
  after.remove(a);
  CHECK(after.put("a") == a_again);  // an id is not used twice
  CHECK(after.put("c") != a);
}
