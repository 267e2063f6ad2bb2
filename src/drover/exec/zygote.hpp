// A process that forks others. It is forked itself while this one is small, has one thread and no MPI:
// what it forks is clean, and can be killed without harm to anybody.
//
// For one thread. Its processes end with it, and it ends with the process that started it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "drover/core/task.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::exec {

class Zygote {
 public:
  struct Plan {
    /// Executed once in the zygote, before it forks the first process.
    std::function<void()> prepare;
    /// Executed in each process, which ends when it returns. It owns the descriptor, and what it prints is printed line
    /// by line.
    std::function<void(int fd)> serve;
  };

  /// Forks. Before threads are started, signals are handled and MPI is initialised. Throws drover::Error.
  explicit Zygote(const Plan& plan);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// This side of the connections to a process.
  struct Started {
    support::UniqueFd socket;              ///< a stream
    std::array<support::UniqueFd, 2> out;  ///< what it prints, by stream; reading does not block
  };
  /// Has a process forked, in a group of its own, which is known by this number. Throws drover::Error.
  [[nodiscard]] Started start(std::uint64_t number);

  /// What its own process prints, which prepares: the same.
  [[nodiscard]] std::array<support::UniqueFd, 2>& own_output() { return own_output_; }

  /// Ends it with all that it started. Unknown numbers are ignored.
  void kill(std::uint64_t number);

  /// How a process ended.
  struct Exit {
    std::uint64_t number = 0;
    int wait_status = 0;
    int fork_errno = 0;  ///< if not 0: there was no process
    core::Duration cpu_time{};
    std::uint64_t max_rss_kib = 0;
  };
  /// Readable when next_exit() has one.
  [[nodiscard]] int fd() const { return channel_.get(); }
  /// Throws drover::Error when the zygote itself has ended.
  [[nodiscard]] std::optional<Exit> next_exit();

 private:
  support::UniqueFd channel_;
  std::array<support::UniqueFd, 2> own_output_;
  pid_t pid_ = -1;
};

}  // namespace drover::exec
