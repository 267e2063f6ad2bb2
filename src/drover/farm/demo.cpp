#include "drover/farm/demo.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "drover/farm.hpp"

namespace drover {

namespace {

using namespace std::chrono_literals;

constexpr auto kFirstTask = 2s;
constexpr auto kNextTask = 1s;
constexpr auto kShortestWork = 200ms;
constexpr auto kLongestWork = 1500ms;

std::string random_uuid() {
  std::random_device random;
  std::array<unsigned, 8> words{};
  for (unsigned& word : words) word = random() & 0xFFFFU;
  words[3] = (words[3] & 0x0FFFU) | 0x4000U;  // version 4: random
  words[4] = (words[4] & 0x3FFFU) | 0x8000U;
  std::array<char, 40> text{};
  (void)std::snprintf(text.data(), text.size(), "%04x%04x-%04x-%04x-%04x-%04x%04x%04x", words[0], words[1], words[2],
                      words[3], words[4], words[5], words[6], words[7]);
  return text.data();
}

/// What a worker has to say of a task.
std::string work_on(TaskContext& context, const std::string& uuid) {
  const auto length =
      std::chrono::milliseconds(std::hash<std::string>{}(uuid) % (kLongestWork - kShortestWork).count()) +
      kShortestWork;
  const auto end = std::chrono::steady_clock::now() + length;
  while (!context.is_cancelled() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
  return "worker " + std::to_string(context.worker()) + " on " + context.host() + ": " + uuid + " took me " +
         std::to_string(length.count()) + " ms (task " + std::to_string(context.task()) + ", attempt " +
         std::to_string(context.attempt()) + ")";
}

/// Lines of several threads, each whole.
class Log {
 public:
  void say(const std::string& text) {
    const std::lock_guard lock(mutex_);
    std::printf("%7.3f  %s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(),
                text.c_str());
    (void)std::fflush(stdout);
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

int run_demo(int argc, char** argv) {
  Farm farm(argc, argv);
  const auto work = farm.task("work", work_on);
  // The first argument is the subcommand's own name.
  const long num_tasks = argc > 2 ? std::atol(argv[2]) : -1;

  return farm.run([&](Session& session) {
    Log log;
    log.say("master: the first task comes in two seconds; Ctrl-C ends the demo");
    std::this_thread::sleep_for(kFirstTask);
    for (long i = 0; i != num_tasks; ++i) {
      if (i > 0) std::this_thread::sleep_for(kNextTask);
      const std::string uuid = random_uuid();
      const Future<std::string> task = session.submit(work, uuid);
      if (task.is_ready()) (void)task.get();  // so soon only when the run was stopped, which is thrown
      log.say("master: submitted " + uuid);
      task.then([&log](const Future<std::string>& done) {
        try {
          log.say(done.get());
        } catch (const Error& e) {
          log.say(std::string("master: ") + e.what());
        }
      });
    }
    session.wait_all();
  });
}

}  // namespace drover
