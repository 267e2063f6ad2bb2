#include "drover/runtime/submission_queue.hpp"

#include <string>

#include "support/catch.hpp"

using namespace drover;
using namespace drover::runtime;
using control::ClientId;
using core::OwnerId;
using core::QueueShare;

namespace {

/// A queue of tasks with clients before it.
class Desk {
 public:
  explicit Desk(QueueShare size) : room_(size) {}

  bool submit(std::uint64_t client, std::size_t num_tasks, std::size_t num_bytes = 1) {
    control::request::Submit request;
    for (std::size_t i = 0; i < num_tasks; ++i)
      request.tasks.push_back({core::TaskKind::command, std::string(num_bytes, 'x'), {}, ""});
    return queue_.add({ClientId(client), control::RequestId(++num_requests_)}, request);
  }

  /// The clients of those that are queued now, in order.
  std::vector<std::uint64_t> queue_all() {
    std::vector<std::uint64_t> clients;
    while (const auto next = queue_.take(room_, OwnerId(num_owners_ + 1U))) {
      ++num_owners_;
      clients.push_back(next->from.client.value);
      for (const core::TaskSpec& task : next->request.tasks) {
        room_.num_tasks -= std::min<std::uint64_t>(room_.num_tasks, 1);
        room_.num_bytes -= std::min<std::uint64_t>(room_.num_bytes, task.payload.size());
      }
    }
    return clients;
  }

  void end_tasks(std::uint32_t owner, std::size_t num, std::size_t num_bytes = 1) {
    for (std::size_t i = 0; i < num; ++i) queue_.on_task_ended(OwnerId(owner));
    room_.num_tasks += num;
    room_.num_bytes += num * num_bytes;
  }

  [[nodiscard]] const QueueShare& room() const { return room_; }

 private:
  QueueShare room_;
  SubmissionQueue queue_;
  std::uint64_t num_requests_ = 0;
  std::uint32_t num_owners_ = 0;
};

using Clients = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("submissions are queued in order while there is room") {
  Desk desk({100, 1000});
  CHECK(desk.submit(1, 3));
  CHECK(desk.submit(2, 3));
  CHECK(desk.submit(1, 3));
  CHECK(desk.queue_all() == Clients{1, 2, 1});
  CHECK(desk.queue_all().empty());
}

TEST_CASE("one client leaves room for others, and goes on when some of its tasks have ended") {
  Desk desk({1000, 1'000'000});
  for (int i = 0; i < 20; ++i) CHECK(desk.submit(1, 100));
  CHECK(desk.queue_all() == Clients(5, 1));
  CHECK(desk.submit(2, 1));
  CHECK(desk.submit(3, 100));
  CHECK(desk.queue_all() == Clients{2, 3});
  desk.end_tasks(1, 100);
  CHECK(desk.queue_all() == Clients{1});
}

TEST_CASE("long tasks are bounded by their bytes") {
  Desk desk({1'000'000, 1000});
  for (int i = 0; i < 20; ++i) CHECK(desk.submit(1, 1, 100));
  CHECK(desk.queue_all() == Clients(5, 1));
  CHECK(desk.submit(2, 1, 100));
  CHECK(desk.queue_all() == Clients{2});
  desk.end_tasks(1, 1, 100);
  desk.end_tasks(2, 1, 100);
  CHECK(desk.queue_all() == Clients{1, 1});
}

TEST_CASE("many clients that fill the queue still let one more in") {
  Desk desk({1000, 1'000'000});
  for (std::uint64_t client = 1; client <= 5; ++client) {
    for (int i = 0; i < 100; ++i) (void)desk.submit(client, 10);
    (void)desk.queue_all();
  }
  CHECK(desk.room().num_tasks > 0);
  CHECK(desk.submit(6, 1));
  CHECK(desk.queue_all() == Clients{6});
}

TEST_CASE("places of those who wait are shared too") {
  Desk desk({1, 1});
  int num_places = 0;
  while (desk.submit(1, 1)) ++num_places;
  CHECK(num_places > 8);
  CHECK(desk.submit(2, 1));
}
