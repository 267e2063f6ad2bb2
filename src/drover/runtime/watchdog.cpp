#include "drover/runtime/watchdog.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "drover/runtime/clock.hpp"
#include "drover/support/duration.hpp"

namespace drover::runtime {

namespace {

/// The time of the clock that condition variables know.
std::chrono::steady_clock::time_point steady(core::Time time) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(time.time_since_epoch()));
}

}  // namespace

Watchdog::Watchdog(Report report) : report_(std::move(report)) {}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Watchdog::Guard Watchdog::watch(std::string what, core::Duration limit, int exit_status) {
  {
    const std::lock_guard lock(mutex_);
    watched_ = Watched{std::move(what), limit, now() + limit, exit_status};
  }
  if (!thread_.joinable()) {
    // Signals are for the thread that waits for them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  changed_.notify_one();
  return Guard(*this);
}

void Watchdog::disarm() {
  const std::lock_guard lock(mutex_);
  watched_.reset();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    if (!watched_) {
      changed_.wait(lock);
    } else if (now() < watched_->deadline) {
      changed_.wait_until(lock, steady(watched_->deadline));
    } else {
      end_process(*watched_);
    }
  }
}

void Watchdog::end_process(const Watched& watched) const {
  const std::string line =
      watched.what + " has not ended within " + support::format_duration(watched.limit) + ": this process gives up";
  const std::string printed = "drover: " + line + "\n";
  (void)!::write(STDERR_FILENO, printed.data(), printed.size());
  if (report_) report_(line);
  ::_exit(watched.exit_status);
}

}  // namespace drover::runtime
