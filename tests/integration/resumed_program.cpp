// A program that is killed and started again: `resumed_program [drover's options] SCENARIO [NUMBER]`. Its tasks take
// 20 ms each and write their number to the file `effects`; what it comes to is its output.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <drover/farm.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr int kNumTasks = 150;

/// Whole, whoever else writes.
void leave_effect(const std::string& text) {
  const std::string line = text + "\n";
  const int fd = ::open("effects", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw std::runtime_error("effects");
  ::close(fd);
}

int work(int i) {
  std::this_thread::sleep_for(20ms);
  leave_effect(std::to_string(i));
  return i * i;
}

/// Twice the same tasks, up to a number.
void sum(drover::Session& session, int num) {
  const drover::TaskType<int(int)> work_type("work");
  long total = 0;
  for (auto& result : session.map(work_type, std::views::iota(0, num))) total += result.get();
  for (auto& result : session.map(work_type, std::views::iota(0, 3))) total += result.get();
  std::printf("%ld\n", total);
}

/// Each result is asked for again by a task that follows it: in whatever order they come.
void follow(drover::Session& session, int num) {
  const drover::TaskType<int(int)> work_type("work");
  std::atomic<long> total = 0;
  for (int i = 0; i < num / 2; ++i)
    session.submit(work_type, i).then([&](const drover::Future<int>& future) {
      total += future.get();
      session.submit(work_type, -future.get() - 1).then([&](const drover::Future<int>& next) { total += next.get(); });
    });
  session.wait_all();
  std::printf("%ld\n", total.load());
}

/// Tasks that make tasks.
void tree(drover::Session& session, int num) {
  const drover::TaskType<long(int)> branch_type("branch");
  long total = 0;
  for (auto& result : session.map(branch_type, std::views::iota(0, num / 15))) total += result.get();
  std::printf("%ld\n", total);
}

/// Some fail while a file says so.
void fail(drover::Session& session, int num) {
  const drover::TaskType<int(int)> fragile_type("fragile");
  int num_failed = 0;
  for (auto& result : session.map(fragile_type, std::views::iota(0, num))) {
    try {
      (void)result.get();
    } catch (const drover::TaskFailed& e) {
      if (std::string(e.what()) != "broken" || e.type() != "std::runtime_error") throw;
      ++num_failed;
    }
  }
  std::printf("%d failed\n", num_failed);
}

/// Tasks whose arguments are equal, and whose value is not.
void value(drover::Session& session, int num) {
  const drover::TaskType<int(drover::Broadcast<int>, int)> add_type("add");
  const auto shared = session.broadcast(num);
  long total = 0;
  const auto arguments = [&](int i) { return std::tuple(shared, i); };
  for (auto& result : session.map(add_type, std::views::iota(0, 20) | std::views::transform(arguments)))
    total += result.get();
  std::printf("%ld\n", total);
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  farm.task("work", work);
  farm.task("branch", [](drover::TaskContext& context, int i) {
    const drover::TaskType<int(int)> work_type("work");
    long total = 0;
    for (auto& result : context.map(work_type, std::views::iota(15 * i, 15 * (i + 1)))) total += result.get();
    return total;
  });
  farm.task("fragile", [](int i) {
    if (i % 10 == 0 && std::filesystem::exists("broken")) throw std::runtime_error("broken");
    return work(i);
  });
  farm.task("add", [](drover::TaskContext& context, const drover::Broadcast<int>& shared, int i) {
    return work(i) * 0 + context.get(shared) + i;
  });
  const std::map<std::string, void (*)(drover::Session&, int)> scenarios{
      {"sum", sum}, {"follow", follow}, {"tree", tree}, {"fail", fail}, {"value", value}};
  const std::string name = argc > 1 ? argv[1] : "";
  const int num = argc > 2 ? std::atoi(argv[2]) : kNumTasks;
  return farm.run([&](drover::Session& session) { scenarios.at(name)(session, num); });
}
