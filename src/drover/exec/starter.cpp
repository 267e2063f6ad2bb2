#include "drover/exec/starter.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "drover/exec/quiet_thread.hpp"
#include "drover/support/error.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::exec {

namespace {

using namespace std::chrono_literals;

/// A start that takes longer is slow: others need not wait for it.
constexpr core::Duration kSlow = 20ms;
/// How long threads have for ending; what they wait for may never come.
constexpr auto kEndGrace = 1s;

core::Time now() {
  return core::Time(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

struct Starter::Shared {
  struct Waiting {
    StartOrder order;
    std::optional<core::Time> put_off_since;
  };

  Start start;
  Limits limits;
  support::UniqueFd has_births;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting> queue;
  std::vector<Birth> births;
  std::uint32_t num_threads = 0;
  std::uint32_t num_idle = 0;
  core::Time last_begin{};  ///< when a thread took a start up
  core::Duration pause{};   ///< zero: nothing is put off
  core::Time pause_end{};
  std::string lack;
  bool is_over = false;

  /// With the lock held. Tells a start that failed for what the host lacks from one that has an end.
  void finish(Waiting waiting, Birth birth) {
    const bool has_failed = birth.spawned.pid < 0;
    if (!has_failed || !is_fault_of_host(birth.spawned.errno_value)) {
      pause = core::Duration::zero();
      return deliver(std::move(birth));
    }
    lack = birth.spawned.failed_call + ": " + std::generic_category().message(birth.spawned.errno_value);
    if (!waiting.put_off_since) waiting.put_off_since = birth.began;
    pause = std::clamp(2 * pause, limits.first_pause, limits.longest_pause);
    pause_end = now() + pause;
    birth.is_given_up = now() - *waiting.put_off_since >= limits.patience;
    if (birth.is_given_up) return deliver(std::move(birth));
    queue.push_front(std::move(waiting));
  }

  void deliver(Birth birth) {
    births.push_back(std::move(birth));
    const std::uint64_t one = 1;
    (void)::write(has_births.get(), &one, sizeof one);
  }

  [[nodiscard]] bool lacks_thread() const {
    return !queue.empty() && num_idle == 0 && num_threads < limits.most_threads &&
           (num_threads == 0 || pause == core::Duration::zero());
  }
};

Starter::Starter(Start start, Limits limits) : shared_(std::make_shared<Shared>()) {
  shared_->start = std::move(start);
  shared_->limits = limits;
  shared_->has_births.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared_->has_births) throw system_error("cannot listen to what starts commands", errno);
}

Starter::~Starter() {
  std::unique_lock lock(shared_->mutex);
  shared_->is_over = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kEndGrace, [this] { return shared_->num_threads == 0; });
}

void Starter::submit(StartOrder order) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back({std::move(order), std::nullopt});
    shared_->changed.notify_one();
  }
  add_thread_if_needed();
}

bool Starter::withdraw(core::AttemptId attempt) {
  const std::lock_guard lock(shared_->mutex);
  const auto is_it = [attempt](const Shared::Waiting& waiting) { return waiting.order.attempt == attempt; };
  return std::erase_if(shared_->queue, is_it) > 0;
}

int Starter::fd() const {
  return shared_->has_births.get();
}

std::vector<Birth> Starter::take() {
  add_thread_if_needed();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->births.empty()) return {};
  std::uint64_t ignored = 0;
  (void)::read(shared_->has_births.get(), &ignored, sizeof ignored);
  return std::exchange(shared_->births, {});
}

std::optional<core::Time> Starter::next_deadline() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->lacks_thread() ? std::optional(shared_->last_begin + kSlow) : std::nullopt;
}

std::string Starter::obstacle() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->pause == core::Duration::zero() ? "" : shared_->lack;
}

void Starter::add_thread_if_needed() {
  std::unique_lock lock(shared_->mutex);
  if (!shared_->lacks_thread() || (shared_->num_threads > 0 && now() < shared_->last_begin + kSlow)) return;
  ++shared_->num_threads;
  shared_->last_begin = now();  // the next one not before this one has had its chance
  lock.unlock();
  if (start_quiet_thread([shared = shared_] { serve(*shared); })) return;
  lock.lock();
  --shared_->num_threads;
}

void Starter::serve(Shared& shared) {
  std::unique_lock lock(shared.mutex);
  while (!shared.is_over) {
    if (shared.queue.empty() || now() < shared.pause_end) {
      ++shared.num_idle;
      if (shared.queue.empty())
        shared.changed.wait(lock);
      else
        shared.changed.wait_for(lock, shared.pause_end - now());
      --shared.num_idle;
      continue;
    }
    Shared::Waiting waiting = std::move(shared.queue.front());
    shared.queue.pop_front();
    Birth birth;
    birth.attempt = waiting.order.attempt;
    birth.began = shared.last_begin = now();
    birth.began_wall = support::wall_now();
    lock.unlock();
    birth.spawned = shared.start(waiting.order);
    lock.lock();
    shared.finish(std::move(waiting), std::move(birth));
  }
  --shared.num_threads;
  shared.changed.notify_all();
}

}  // namespace drover::exec
