#include "drover/exec/strays.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "drover/exec/process_tree.hpp"
#include "drover/exec/quiet_thread.hpp"

namespace drover::exec {

namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Between two looks: what is found meanwhile is found together.
constexpr auto kPause = 20ms;
/// Between two looks at what was told to end and is still there.
constexpr auto kLookAgain = 500ms;
/// What has been killed for so long and is still there is told.
constexpr auto kDeathLimit = 10s;
constexpr auto kLastLook = 2s;
constexpr std::size_t kMostRemarks = 20;

}  // namespace

struct Strays::Shared {
  struct Sent {
    int signal = 0;
    SteadyTime at;
    bool is_told = false;
  };

  std::string run_dir;
  std::set<pid_t> own;  ///< helpers of this process

  std::mutex mutex;
  std::condition_variable changed;
  std::set<core::AttemptId> running;
  std::map<core::AttemptId, int> signals;
  std::vector<std::string> remarks;
  bool is_look_wanted = false;
  bool is_over = false;
  bool has_ended = false;

  std::map<pid_t, Sent> sent;  ///< the thread's own

  /// What to send to a process of this attempt, if anything.
  std::optional<int> signal_for(core::AttemptId attempt) {
    const std::lock_guard lock(mutex);
    if (!running.contains(attempt)) return SIGKILL;
    const auto found = signals.find(attempt);
    if (found == signals.end()) return std::nullopt;
    return found->second;
  }

  void remark(core::AttemptId attempt, pid_t pid, const std::string& why) {
    const std::string text = "task " + std::to_string(attempt.task.value) + " leaves process " + std::to_string(pid) +
                             " (" + process_name(pid) + ") behind: " + why;
    const std::lock_guard lock(mutex);
    if (remarks.size() < kMostRemarks) remarks.push_back(text);
  }

  /// Each signal once: programs may answer the second one otherwise than the first.
  void send(core::AttemptId attempt, pid_t pid, int signal) {
    Sent& before = sent[pid];
    const SteadyTime now = std::chrono::steady_clock::now();
    if (before.signal != signal) {
      const bool is_allowed = ::kill(pid, signal) == 0 || errno != EPERM;
      if (!is_allowed && !before.is_told) remark(attempt, pid, "it belongs to another user");
      before = {signal, now, before.is_told || !is_allowed};
    } else if (signal == SIGKILL && !before.is_told && now - before.at > kDeathLimit) {
      remark(attempt, pid, "it does not end");
      before.is_told = true;
    }
  }
};

Strays::Strays(std::string run_dir) : shared_(std::make_shared<Shared>()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  shared_->run_dir = std::move(run_dir);
  for (const pid_t child : children_of_first_thread(::getpid())) shared_->own.insert(child);
}

Strays::~Strays() {
  if (!has_thread_) return;
  std::unique_lock lock(shared_->mutex);
  shared_->running.clear();
  shared_->is_over = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kLastLook, [this] { return shared_->has_ended; });
}

void Strays::begin(core::AttemptId attempt) {
  const std::lock_guard lock(shared_->mutex);
  shared_->running.insert(attempt);
}

void Strays::signal(core::AttemptId attempt, int signal) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->signals[attempt] = signal;
  }
  want_look();
}

/// Most attempts leave no orphan, and then nobody is woken.
void Strays::end(core::AttemptId attempt) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->running.erase(attempt);
    shared_->signals.erase(attempt);
  }
  if (children_of_first_thread(::getpid()).size() > shared_->own.size()) want_look();
}

/// Without room for a thread, the next one tries again.
void Strays::want_look() {
  has_thread_ = has_thread_ || start_quiet_thread([shared = shared_] { serve(*shared); });
  const std::lock_guard lock(shared_->mutex);
  shared_->is_look_wanted = true;
  shared_->changed.notify_all();
}

std::vector<std::string> Strays::take_remarks() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->remarks, {});
}

void Strays::serve(Shared& shared) {
  std::unique_lock lock(shared.mutex);
  const auto is_due = [&] { return shared.is_look_wanted || shared.is_over; };
  while (!shared.is_over) {
    if (shared.sent.empty())
      shared.changed.wait(lock, is_due);
    else
      shared.changed.wait_for(lock, kLookAgain, is_due);
    shared.is_look_wanted = false;
    lock.unlock();
    look(shared);
    lock.lock();
    shared.changed.wait_for(lock, kPause, [&] { return shared.is_over; });
  }
  lock.unlock();
  look(shared);
  lock.lock();
  shared.has_ended = true;
  shared.changed.notify_all();
}

void Strays::look(Shared& shared) {
  std::set<pid_t> there;
  for (const pid_t orphan : children_of_first_thread(::getpid())) {
    if (shared.own.contains(orphan)) continue;
    const std::optional<core::AttemptId> attempt = attempt_of(orphan, shared.run_dir);
    const std::optional<int> signal = attempt ? shared.signal_for(*attempt) : std::nullopt;
    if (!signal) continue;
    std::vector<pid_t> processes = descendants_of(orphan);
    processes.push_back(orphan);
    for (const pid_t process : processes) {
      there.insert(process);
      shared.send(*attempt, process, *signal);
    }
  }
  std::erase_if(shared.sent, [&](const auto& entry) { return !there.contains(entry.first); });
}

}  // namespace drover::exec
