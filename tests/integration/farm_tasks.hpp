// The tasks of farm_program, and what these and its scenarios share.
#pragma once

#include <atomic>
#include <chrono>
#include <drover/farm.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace farm_tasks {

struct Reading {
  std::string name;
  std::vector<double> values;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& name& values;
  }
};

struct Table {
  int pid = 0;
};

/// Counts how often it is loaded in this process.
struct Dictionary {
  std::vector<int> words;
  static inline std::atomic<int> num_loads = 0;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& words;
    if constexpr (Archive::is_loading::value) ++num_loads;
  }
};

struct Tasks {
  explicit Tasks(drover::Farm& farm);

  drover::TaskType<int(int)> square;
  drover::TaskType<double(Reading, int)> weigh;
  drover::TaskType<std::unique_ptr<Reading>(std::unique_ptr<Reading>)> shout;
  drover::TaskType<void(std::string)> touch;
  drover::TaskType<int(int)> refuse;
  drover::TaskType<int(std::string, int)> flaky;
  drover::TaskType<int(int)> sleep;
  drover::TaskType<int(std::string, int)> deadly;
  drover::TaskType<int()> table_pid;
  drover::TaskType<std::string()> about;
  drover::TaskType<int(int)> fibonacci;
  drover::TaskType<int(int)> scatter;
  drover::TaskType<int(int)> unlucky_parent;
  drover::TaskType<int(int)> count_tree;
  drover::TaskType<int(std::string, int)> dying_owner;
  drover::TaskType<int(int)> crash;
  drover::TaskType<int(int)> leave;
  drover::TaskType<void(std::string)> deaf;
  drover::TaskType<long(long)> leak;
  drover::TaskType<int()> own_pid;
  drover::TaskType<std::vector<int>(drover::Broadcast<Dictionary>, int)> look_up;
  drover::TaskType<void(std::string)> halfway;
  drover::TaskType<void()> hasty;
  drover::TaskType<std::string(std::string)> watch;
  drover::TaskType<void(std::string)> chain;
  drover::TaskType<void(int, std::string)> flood;
};

/// Of this process.
[[nodiscard]] long resident_kib();

/// Waits for it; whether it came in time.
template <class Condition>
bool comes_true(Condition condition, std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

}  // namespace farm_tasks
