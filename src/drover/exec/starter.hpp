// Starts processes on threads of its own: whatever a start waits for (a slow file system, memory), whoever asked for
// it goes on at once.
//
// A start that fails for what the host lacks is put off, and nothing else is started for a moment; if that does not
// help for long, it is given up. One thread serves while starts are quick; when they are slow, there will be more.
//
// The methods are for one thread. The processes end with the threads, and so with this.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/exec/environment.hpp"
#include "drover/exec/spawn.hpp"

namespace drover::exec {

/// A process that is to be started.
struct StartOrder {
  core::AttemptId attempt;
  std::string text;
  Placement placement;
};

/// What became of it.
struct Birth {
  core::AttemptId attempt;
  Spawned spawned;  ///< not started: for a reason that another try would meet again, or `is_given_up`
  bool is_given_up = false;
  core::Time began{};
  core::WallMicros began_wall = 0;
};

class Starter {
 public:
  /// Starts one; called on several threads, and may block.
  using Start = std::function<Spawned(const StartOrder& order)>;

  struct Limits {
    /// Starts at once, when they are slow.
    std::uint32_t most_threads = 16;
    /// A start that has been put off for so long is given up.
    core::Duration patience = std::chrono::seconds(60);
    /// How long nothing is started after one that failed for lack of something; grows to the longest.
    core::Duration first_pause = std::chrono::milliseconds(20);
    core::Duration longest_pause = std::chrono::seconds(1);
  };

  /// Throws drover::Error.
  explicit Starter(Start start) : Starter(std::move(start), Limits{}) {}
  Starter(Start start, Limits limits);
  ~Starter();
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  void submit(StartOrder order);

  /// True when it had not begun, and will not.
  [[nodiscard]] bool withdraw(core::AttemptId attempt);

  /// Readable when take() has something.
  [[nodiscard]] int fd() const;

  /// What has been started, or could not be. To be called now and then while anything is to be started: sees to it that
  /// there are threads enough.
  [[nodiscard]] std::vector<Birth> take();

  /// When to call take() at the latest.
  [[nodiscard]] std::optional<core::Time> next_deadline() const;

  /// For people: why starts are put off; empty when they are not.
  [[nodiscard]] std::string obstacle() const;

 private:
  struct Shared;
  static void serve(Shared& shared);
  void add_thread_if_needed();

  std::shared_ptr<Shared> shared_;  ///< with threads, which may be left behind
};

}  // namespace drover::exec
