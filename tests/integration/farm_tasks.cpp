#include "farm_tasks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <ranges>
#include <stdexcept>

namespace farm_tasks {

namespace {

using namespace std::chrono_literals;

/// Says how long its task is, or refuses.
class Measurer : public drover::TaskWorker {
 public:
  void work(const drover::Task& task, drover::TaskContext& context) override {
    ++num_tasks_;
    if (task.argument.empty()) return fail("nothing to measure");
    if (task.argument == "silent") return;
    finish(task.type + " of " + std::to_string(task.argument.size()) + " for the " + context.owner());
  }

 private:
  int num_tasks_ = 0;
};

/// Whether this is the first call with that file.
bool is_first(const std::string& mark) {
  return ::mkdir(mark.c_str(), 0700) == 0;
}

}  // namespace

long resident_kib() {
  long num_pages = 0;
  std::ifstream("/proc/self/statm") >> num_pages >> num_pages;
  return num_pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

Tasks::Tasks(drover::Farm& farm)
    : square(farm.task("square", [](int x) { return x * x; })),
      weigh(farm.task("weigh",
                      [](const Reading& reading, int factor) {
                        return std::accumulate(reading.values.begin(), reading.values.end(), 0.0) * factor;
                      })),
      shout(farm.task("shout",
                      [](std::unique_ptr<Reading> reading) {
                        reading->name += "!";
                        return reading;
                      })),
      touch(farm.task("touch", [](const std::string& path) { std::filesystem::create_directory(path); })),
      refuse(farm.task("refuse", [](int x) -> int { throw std::domain_error("not " + std::to_string(x)); })),
      flaky(farm.task("flaky",
                      [](drover::TaskContext& context, const std::string& mark, int) -> int {
                        if (is_first(mark)) throw std::runtime_error("not yet");
                        return static_cast<int>(context.attempt());
                      })),
      sleep(farm.task("sleep",
                      [](drover::TaskContext& context, int milliseconds) {
                        const auto end = std::chrono::steady_clock::now() + milliseconds * 1ms;
                        while (!context.is_cancelled() && std::chrono::steady_clock::now() < end)
                          std::this_thread::sleep_for(1ms);
                        return milliseconds;
                      })),
      deadly(farm.task("deadly",
                       [](const std::string& mark, int x) {
                         if (is_first(mark)) ::kill(::getpid(), SIGKILL);
                         return x;
                       })),
      table_pid(farm.task("table_pid", [](drover::TaskContext& context) { return context.worker_state<Table>().pid; })),
      about(farm.task("about",
                      [](drover::TaskContext& context) {
                        return context.owner() + ", attempt " + std::to_string(context.attempt()) + ", slot " +
                               std::to_string(context.slot());
                      })),
      fibonacci(farm.task("fibonacci",
                          [](drover::TaskContext& context, int n) {
                            if (n < 2) return n;
                            const drover::TaskType<int(int)> self("fibonacci");
                            const auto left = context.submit(self, n - 1);
                            const auto right = context.submit(self, n - 2);
                            return left.get() + right.get();
                          })),
      scatter(farm.task("scatter",
                        [](drover::TaskContext& context, int num) {
                          const drover::TaskType<int(int)> square_type("square");
                          int sum = 0;
                          for (auto& result : context.map(square_type, std::views::iota(0, num))) sum += result.get();
                          return sum;
                        })),
      unlucky_parent(farm.task("unlucky_parent",
                               [](drover::TaskContext& context, int x) {
                                 const drover::TaskType<int(int)> refuse_type("refuse");
                                 try {
                                   return context.submit(refuse_type, x).get();
                                 } catch (const drover::TaskFailed& e) {
                                   return e.type() == "std::domain_error" ? -x : 0;
                                 }
                               })),
      count_tree(farm.task("count_tree",
                           [](drover::TaskContext& context, int depth) {
                             if (depth == 0) return 1;
                             const drover::TaskType<int(int)> self("count_tree");
                             const auto left = context.submit(self, depth - 1);
                             const auto right = context.submit(self, depth - 1);
                             return 1 + left.get() + right.get();
                           })),
      dying_owner(farm.task("dying_owner",
                            [](drover::TaskContext& context, const std::string& directory, int num) {
                              const drover::TaskType<void(std::string)> touch_type("touch");
                              if (!is_first(directory + "/owner")) return num;
                              for (int i = 0; i < num; ++i)
                                context.submit(touch_type, directory + "/" + std::to_string(i));
                              // Once one has been executed, the master has them all.
                              (void)comes_true([&] { return std::filesystem::exists(directory + "/0"); });
                              ::kill(::getpid(), SIGKILL);
                              return 0;
                            })),
      crash(farm.task("crash",
                      [](int signal) {
                        ::raise(signal);
                        return signal;
                      })),
      leave(farm.task("leave", [](int status) -> int { ::_exit(status); })),
      deaf(farm.task("deaf",
                     [](const std::string& pid_file) {
                       std::ofstream(pid_file) << ::getpid() << std::endl;
                       while (true) std::this_thread::sleep_for(1s);
                     })),
      leak(farm.task("leak",
                     [](long kib) {
                       static std::vector<std::string> leaked;
                       leaked.emplace_back(static_cast<std::size_t>(kib) * 1024, 'x');
                       return resident_kib();
                     })),
      own_pid(farm.task("own_pid", [] { return static_cast<int>(::getpid()); })),
      look_up(
          farm.task("look_up",
                    [](drover::TaskContext& context, const drover::Broadcast<Dictionary>& dictionary, int i) {
                      const std::vector<int>& words = context.get(dictionary).words;
                      return std::vector<int>{words.at(static_cast<std::size_t>(i)), ::getpid(), Dictionary::num_loads};
                    })),
      halfway(farm.task("halfway",
                        [](drover::TaskContext& context, const std::string& end) {
                          context.progress(0.5, "half of it");
                          (void)comes_true([&] { return std::filesystem::exists(end); });
                        })),
      hasty(farm.task("hasty",
                      [](drover::TaskContext& context) {
                        context.progress(0.1);
                        context.progress(1.0, "all of it");
                      })),
      watch(farm.task("watch",
                      [](drover::TaskContext& context, const std::string& end) {
                        const drover::TaskType<void(std::string)> halfway_type("halfway");
                        const auto watched = context.submit(halfway_type, end);
                        (void)comes_true([&] { return watched.progress().fraction == 0.5; });
                        std::ofstream(end).put('\n');
                        watched.get();
                        return watched.progress().text;
                      })),
      chain(farm.task("chain",
                      [](drover::TaskContext& context, const std::string& file) {
                        const drover::TaskType<int(int)> sleep_type("sleep");
                        const drover::TaskType<void(std::string)> touch_type("touch");
                        const auto first = context.submit(sleep_type, 300);
                        const auto second = context.submit({.after = {first}}, touch_type, file);
                        context.submit({.after = {second}}, sleep_type, 1);
                        context.submit({.after = {first}}, sleep_type, 1).cancel();
                      })),
      flood(farm.task("flood", [](drover::TaskContext& context, int num, const std::string& begin) {
        const drover::TaskType<void(std::string)> wait_for("wait_for");
        for (int i = 0; i < num; ++i) context.submit(wait_for, begin);
      })) {
  farm.task("wait_for",
            [](const std::string& begin) { (void)comes_true([&] { return std::filesystem::exists(begin); }); });
  farm.worker<Measurer>("measure");
  farm.on_worker_start([] { return Table{static_cast<int>(::getpid())}; });
}

}  // namespace farm_tasks
