// Ends this process when something blocks that must not: MPI calls have no time limits.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "drover/core/task.hpp"

namespace drover::runtime {

/// Watches one call at a time, from a thread of its own that is started when first needed. The other
/// methods are called by one thread.
class Watchdog {
 public:
  /// What was being waited for, in words, as a whole line without its end.
  using Report = std::function<void(const std::string& line)>;

  /// `report` is called by the watching thread before it ends the process: it must not take a lock
  /// that the blocked thread may hold. The line also goes to stderr.
  explicit Watchdog(Report report);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Armed as long as it lives.
  class Guard {
   public:
    explicit Guard(Watchdog& watchdog) : watchdog_(watchdog) {}
    ~Guard() { watchdog_.disarm(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Watchdog& watchdog_;
  };

  /// Unless the guard is gone within `limit`, the process ends by _exit(exit_status). `what` is a noun
  /// phrase ("MPI_Finalize").
  [[nodiscard]] Guard watch(std::string what, core::Duration limit, int exit_status = 125);

 private:
  struct Watched {
    std::string what;
    core::Duration limit{};
    core::Time deadline{};
    int exit_status = 125;
  };

  void run();
  void disarm();
  [[noreturn]] void end_process(const Watched& watched) const;

  Report report_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Watched> watched_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace drover::runtime
