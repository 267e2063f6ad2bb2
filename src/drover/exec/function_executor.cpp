// A job is shared by the thread that executes it and the executor. Whoever settles it first decides how
// it ended: the thread when the function is over, or the executor when it leaves the thread behind,
// whose late result is then dropped.
//
// A function that waits for other tasks gives its slot to the next in line and goes on without one if
// need be. What is left behind gives its slot away for good.

#include "drover/exec/function_executor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "drover/exec/call_function.hpp"
#include "drover/support/error.hpp"
#include "drover/support/unique_fd.hpp"
#include "drover/support/wall_clock.hpp"

namespace drover::exec {

namespace {

constexpr core::Time kNotBegun{};

}  // namespace

struct FunctionExecutor::Job {
  core::Assignment assignment;
  Placement placement;     ///< for the function to see
  std::uint32_t slot = 0;  ///< that it holds; 0: none
  bool is_active = false;  ///< counts against the slots
  std::atomic<core::Time> begun = kNotBegun;
  std::atomic<bool> is_cancelled = false;
  std::atomic<bool> is_settled = false;
  core::AttemptResult result;  ///< of the thread, once it has settled the job
};

struct FunctionExecutor::Pool : std::enable_shared_from_this<Pool> {
  std::shared_ptr<const FunctionTable> functions;
  Identity identity;
  OutputCapture* capture = nullptr;
  support::UniqueFd event;

  std::mutex mutex;
  std::condition_variable has_work;
  std::condition_variable has_ended;
  std::deque<std::shared_ptr<Job>> waiting;
  struct News {
    std::shared_ptr<Job> job;
    Change change{};
  };
  std::vector<News> news;
  std::size_t num_waits = 0;  ///< jobs that wait for others: for what has ended, perhaps
  bool is_called = false;     ///< the executor, to take the news
  std::set<std::uint32_t> free_slots;
  std::uint32_t num_slots = 1;
  std::uint32_t first_job_slot = 1;
  std::size_t num_active = 0;  ///< jobs that execute, neither wait nor were left behind
  std::size_t num_idle = 0;
  std::size_t num_threads = 0;
  bool is_over = false;

  // All with the mutex held.
  [[nodiscard]] bool can_begin() const { return !waiting.empty() && num_active < num_slots; }
  [[nodiscard]] std::shared_ptr<Job> begin();
  void resume(Job& job);
  void release(Job& job);
  void call_thread();
  void note(const std::shared_ptr<Job>& job, Change change);
  void call_executor();
};

FunctionExecutor::FunctionExecutor(std::shared_ptr<const FunctionTable> functions, const core::ExecProfile& profile,
                                   Identity identity, Slots slots, OutputCapture* capture)
    : timeout_(profile.timeout), kill_after_(profile.kill_after), pool_(std::make_shared<Pool>()), capture_(capture) {
  pool_->capture = capture;
  pool_->functions = std::move(functions);
  pool_->identity = std::move(identity);
  pool_->num_slots = slots.num;
  pool_->first_job_slot = slots.first_job_slot;
  for (std::uint32_t slot = 1; slot <= slots.num; ++slot) pool_->free_slots.insert(slot);
  pool_->event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!pool_->event) throw system_error("cannot watch for functions that end", errno);
}

FunctionExecutor::~FunctionExecutor() {
  (void)shut_down(core::Duration::zero());
}

bool FunctionExecutor::shut_down(core::Duration limit) {
  if (capture_ != nullptr) capture_->stop_waiting();
  std::unique_lock lock(pool_->mutex);
  pool_->is_over = true;
  pool_->waiting.clear();
  for (auto& [id, attempt] : attempts_) attempt.job->is_cancelled = true;
  pool_->has_work.notify_all();
  pool_->has_ended.wait_for(lock, limit, [this] { return pool_->num_threads == 0; });
  num_left_behind_ = pool_->num_threads;
  return num_left_behind_ == 0;
}

int FunctionExecutor::fd() const {
  return pool_->event.get();
}

int FunctionExecutor::output_fd() const {
  return capture_ != nullptr ? capture_->fd() : -1;
}

// --- on the threads of the pool ---------------------------------------------------------------

void FunctionExecutor::execute(const Pool& pool, Job& job) {
  if (pool.capture != nullptr) pool.capture->begin(job.assignment.attempt);
  core::AttemptResult result =
      call_function(*pool.functions, job.assignment, job.placement, pool.identity, job.is_cancelled);
  if (pool.capture != nullptr) pool.capture->end(job.assignment.attempt).tell(result);
  if (!job.is_settled.exchange(true)) job.result = std::move(result);
}

FunctionExecutor::Current& FunctionExecutor::current() {
  static thread_local Current current;
  return current;
}

/// The next in line gets a slot.
std::shared_ptr<FunctionExecutor::Job> FunctionExecutor::Pool::begin() {
  std::shared_ptr<Job> job = std::move(waiting.front());
  waiting.pop_front();
  ++num_active;
  job->is_active = true;
  job->begun = core::Time(std::chrono::steady_clock::now().time_since_epoch());
  if (!free_slots.empty()) job->slot = free_slots.extract(free_slots.begin()).value();
  job->placement = {job->slot, first_job_slot + job->slot - 1};
  return job;
}

/// Without a slot if they are all taken: it goes on all the same.
void FunctionExecutor::Pool::resume(Job& job) {
  ++num_active;
  job.is_active = true;
  if (!free_slots.empty()) job.slot = free_slots.extract(free_slots.begin()).value();
}

void FunctionExecutor::Pool::release(Job& job) {
  if (!std::exchange(job.is_active, false)) return;
  --num_active;
  if (job.slot != 0) free_slots.insert(std::exchange(job.slot, 0));
}

/// Sees to it that a thread takes the next in line. Whoever does calls for the one after.
void FunctionExecutor::Pool::call_thread() {
  if (!can_begin()) return;
  if (num_idle > 0) {
    has_work.notify_one();
    return;
  }
  ++num_threads;
  std::thread([pool = shared_from_this()] { serve(pool); }).detach();
}

void FunctionExecutor::Pool::note(const std::shared_ptr<Job>& job, Change change) {
  news.push_back({job, change});
  call_executor();
}

/// Once there is nothing left to begin, so that there will be again before it is missed; what ends until then
/// is told all at once, unless one may wait for it.
void FunctionExecutor::Pool::call_executor() {
  if (is_called || news.empty() || (!waiting.empty() && num_waits == 0 && news.back().change == Change::ended)) return;
  is_called = true;
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof one);
}

void FunctionExecutor::serve(const std::shared_ptr<Pool>& pool) {
  std::unique_lock lock(pool->mutex);
  while (true) {
    ++pool->num_idle;
    pool->has_work.wait(lock, [&] { return pool->is_over || pool->can_begin(); });
    --pool->num_idle;
    if (pool->is_over) break;
    const std::shared_ptr<Job> job = pool->begin();
    pool->call_thread();
    pool->call_executor();
    lock.unlock();
    current() = {pool.get(), job, {}};
    execute(*pool, *job);
    current() = {};
    lock.lock();
    pool->release(*job);
    pool->note(job, Change::ended);
  }
  --pool->num_threads;
  pool->has_ended.notify_all();
}

FunctionExecutor::WaitScope::WaitScope() {
  const auto& [pool, job, on_wait] = current();
  if (on_wait) on_wait(true);
  if (!job) return;
  if (pool->capture != nullptr) pool->capture->set_waiting(job->assignment.attempt, true);
  const std::lock_guard lock(pool->mutex);
  ++pool->num_waits;
  pool->release(*job);
  pool->note(job, Change::waits);
  pool->call_thread();
}

FunctionExecutor::WaitScope::~WaitScope() {
  const auto& [pool, job, on_wait] = current();
  if (on_wait) on_wait(false);
  if (!job) return;
  if (pool->capture != nullptr) pool->capture->set_waiting(job->assignment.attempt, false);
  const std::lock_guard lock(pool->mutex);
  --pool->num_waits;
  pool->resume(*job);
  pool->note(job, Change::goes_on);
}

void FunctionExecutor::WaitScope::tell(std::function<void(bool is_waiting)> on_wait) {
  current().on_wait = std::move(on_wait);
}

// --- on the thread that speaks to the master --------------------------------------------------

void FunctionExecutor::start(core::Assignment assignment, core::Time now) {
  auto job = std::make_shared<Job>();
  job->assignment = std::move(assignment);
  Attempt& attempt = attempts_[job->assignment.attempt];
  attempt.job = job;
  attempt.started = now;
  const core::Duration own = job->assignment.spec.timeout;
  attempt.timeout = own > core::Duration::zero() ? own : timeout_;
  if (attempt.timeout > core::Duration::zero()) attempt.step_at = now + attempt.timeout;
  const std::lock_guard lock(pool_->mutex);
  pool_->waiting.push_back(std::move(job));
  pool_->call_thread();
}

void FunctionExecutor::stop(core::AttemptId id, core::Time now) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  Attempt& attempt = found->second;
  attempt.step_at = attempt.ended_by == EndedBy::request ? now : now + kill_after_;
  attempt.ended_by = EndedBy::request;
  attempt.job->is_cancelled = true;
}

std::optional<core::Time> FunctionExecutor::next_deadline() const {
  std::optional<core::Time> deadline;
  for (const auto& [id, attempt] : attempts_)
    if (attempt.step_at) deadline = std::min(deadline.value_or(*attempt.step_at), *attempt.step_at);
  return deadline;
}

void FunctionExecutor::poll(core::Time now, std::size_t output_budget, AttemptHandler& handler) {
  std::uint64_t count = 0;
  (void)!::read(pool_->event.get(), &count, sizeof count);
  take_news(handler);
  end_overdue(now);
  if (capture_ != nullptr) capture_->take(output_budget, handler);
  hand_over_ended(handler);
}

void FunctionExecutor::take_news(AttemptHandler& handler) {
  std::vector<Pool::News> news;
  {
    const std::lock_guard lock(pool_->mutex);
    news.swap(pool_->news);
    pool_->is_called = false;
  }
  for (const auto& [job, change] : news) {
    const auto found = attempts_.find(job->assignment.attempt);
    if (found == attempts_.end()) continue;  // left behind, and back after all
    if (change != Change::ended) {
      handler.on_waiting(found->first, change == Change::waits);
      continue;
    }
    core::AttemptResult result = std::move(job->result);
    if (found->second.ended_by != EndedBy::nobody) result.value.clear();
    if (found->second.ended_by == EndedBy::timeout) result.outcome = core::TimedOut{0};
    if (found->second.ended_by == EndedBy::request) result.outcome = core::Killed{};
    attempts_.erase(found);
    ended_.push_back(std::move(result));
  }
}

/// The output of an attempt comes before its end.
void FunctionExecutor::hand_over_ended(AttemptHandler& handler) {
  if (ended_.empty()) return;
  std::vector<core::AttemptResult> held_back;
  for (core::AttemptResult& result : std::exchange(ended_, {})) {
    if (capture_ != nullptr && capture_->holds(result.attempt))
      held_back.push_back(std::move(result));
    else
      handler.on_ended(std::move(result));
  }
  ended_ = std::move(held_back);
}

void FunctionExecutor::take_last_output(AttemptHandler& handler) {
  if (capture_ != nullptr) capture_->take_rest(handler);
}

void FunctionExecutor::end_overdue(core::Time now) {
  std::vector<core::AttemptId> overdue;
  for (auto& [id, attempt] : attempts_) {
    if (attempt.step_at && attempt.ended_by == EndedBy::nobody) await_turn(attempt, now);
    if (!attempt.step_at || now < *attempt.step_at) continue;
    if (attempt.ended_by == EndedBy::nobody) {
      attempt.ended_by = EndedBy::timeout;
      attempt.job->is_cancelled = true;
      attempt.step_at = now + kill_after_;
    } else {
      overdue.push_back(id);
    }
  }
  for (const core::AttemptId id : overdue) leave_behind(id, now);
}

/// The time limit counts from when the function began, if it had to wait for its turn.
void FunctionExecutor::await_turn(Attempt& attempt, core::Time now) {
  if (now < *attempt.step_at) return;
  const core::Time begun = attempt.job->begun;
  attempt.step_at = (begun == kNotBegun ? now : begun) + attempt.timeout;
}

void FunctionExecutor::leave_behind(core::AttemptId id, core::Time now) {
  const auto found = attempts_.extract(id);
  const Attempt& attempt = found.mapped();
  if (attempt.job->is_settled.exchange(true)) {
    attempts_.emplace(id, attempt);  // it has just ended: the next poll() has its result
    attempts_.at(id).step_at.reset();
    return;
  }
  core::AttemptResult result;
  result.attempt = id;
  result.runtime = now - attempt.started;
  result.started_at = support::wall_now() - std::chrono::floor<std::chrono::microseconds>(result.runtime).count();
  result.stderr_tail = "did not end when it was told to: its thread was left behind";
  result.outcome = attempt.ended_by == EndedBy::timeout ? core::Outcome(core::TimedOut{0}) : core::Killed{};
  if (capture_ != nullptr) capture_->leave_behind(id).tell(result);
  ++num_left_behind_;
  {
    const std::lock_guard lock(pool_->mutex);
    pool_->release(*attempt.job);
    std::erase(pool_->waiting, attempt.job);
    pool_->call_thread();
  }
  ended_.push_back(std::move(result));
}

}  // namespace drover::exec
