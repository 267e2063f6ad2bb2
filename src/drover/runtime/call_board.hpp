// Where code that submits tasks meets the loop that speaks for it: the session on the master, or the
// tasks of a worker that make tasks.
//
// Thread-safe. Those who submit may block; the loop never does.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "drover/core/facts.hpp"
#include "drover/core/task.hpp"
#include "drover/runtime/shelf.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// How a task that somebody waits for came to its end.
struct CallEnd {
  /// None: the run stopped before the task ended.
  std::optional<core::TaskEnd> how{};
  /// Of its last attempt; says nothing when there was none.
  core::Outcome outcome{};
  std::uint32_t num_attempts = 0;
  /// What the function returned, serialized.
  std::string value{};
  /// What there is to say when no outcome says it.
  std::string reason{};
};

/// How far a task has come, as its function said last.
struct CallProgress {
  double fraction = 0;  ///< of its work
  std::string text;
};

/// One who submits: counts the tasks that the loop has yet to take, also those that come after others, and keeps what
/// one of the actions has thrown until somebody can be told. Belongs to the board.
class CallTally {
 private:
  friend class CallBoard;
  std::size_t num_to_take = 0;
  std::exception_ptr thrown;
  bool waits_no_more = false;
};
using CallTallyPtr = std::shared_ptr<CallTally>;

/// Tells of the ends of some calls in the order in which they come. Belongs to the board.
class EndQueue {
 private:
  friend class CallBoard;
  std::deque<std::size_t> ended;  ///< keys of the calls
  CallTallyPtr tally;             ///< of who submitted them
};
using EndQueuePtr = std::shared_ptr<EndQueue>;

/// A task as its submitter holds it. Its fields belong to the board.
class Call {
 private:
  friend class CallBoard;
  enum class State : std::uint8_t {
    blocked,  ///< others must succeed first
    queued,   ///< to be taken by the loop
    taken,
    ended,
  };
  State state = State::queued;
  bool is_cancelled = false;
  std::uint32_t num_blockers = 0;
  std::uint64_t number = 0;
  core::TaskSpec spec;  ///< until it is taken
  CallTallyPtr tally;
  CallProgress progress;
  std::function<void(const CallProgress&)> on_progress;
  CallEnd end;
  std::vector<std::function<void()>> then;
  EndQueuePtr end_queue;
  std::size_t key = 0;                         ///< there
  std::vector<std::shared_ptr<Call>> blocked;  ///< those that wait for this one
};
using CallPtr = std::shared_ptr<Call>;

class CallBoard {
 public:
  CallBoard();
  ~CallBoard();
  CallBoard(const CallBoard&) = delete;
  CallBoard& operator=(const CallBoard&) = delete;

  // --- for those who submit ---

  /// Hands a task in, once all of `after` have succeeded; if one does not, it ends as cancelled. Waits
  /// while the loop has too many to take. When the run is over, the task has ended as stopped.
  [[nodiscard]] CallPtr submit(core::TaskSpec spec, std::span<const CallPtr> after = {}, CallTallyPtr tally = {});

  /// The same without waiting: none, and `spec` as it was, while the loop has too many to take.
  [[nodiscard]] CallPtr try_submit(core::TaskSpec& spec, std::span<const CallPtr> after = {}, CallTallyPtr tally = {});
  /// Waits until the loop has taken what the tally counts; false if it has not within the limit.
  bool wait_until_taken(const CallTally& tally, std::optional<core::Duration> limit = {});

  /// The task is not wanted any more: it ends as cancelled unless it ends before.
  void cancel(const CallPtr& call);

  /// The same for all that has not ended.
  void cancel_all();

  [[nodiscard]] bool has_ended(const CallPtr& call);
  [[nodiscard]] CallProgress progress(const CallPtr& call);
  // Those that wait throw what an action for a task of the same submitter has thrown, once.

  /// Waits for its end. The end belongs to the call.
  [[nodiscard]] CallEnd& wait(const CallPtr& call);
  /// Waits until one of them has ended, and returns the index of the first that has.
  [[nodiscard]] std::size_t wait_any(std::span<const CallPtr> calls);
  /// The end of the call will be told by its key in this queue, and in no other.
  void tell_end(const CallPtr& call, EndQueuePtr queue, std::size_t key);
  /// Waits for the next end that is told there: the key of the call.
  [[nodiscard]] std::size_t wait_next(EndQueue& queue);
  /// Waits until all that was submitted here has ended, and all that is to be done then() has been.
  void wait_all(const CallTallyPtr& tally = {});
  /// Waits for the end of one of them for so long; false if none came.
  [[nodiscard]] bool wait_for(const CallPtr& call, core::Duration limit);

  /// Has `action` executed on a thread of the board once the call has ended. One after the other. It may throw.
  void then(const CallPtr& call, std::function<void()> action);
  /// The submitter waits for nothing any more: throws what an action has thrown. What one throws from now on is logged.
  void end_waiting(const CallTallyPtr& tally);

  /// Has `action` called whenever the task has come further, by the loop, which it does not keep.
  void on_progress(const CallPtr& call, std::function<void(const CallProgress&)> action);

  /// Nothing more will be submitted.
  void finish();

  /// An attempt that executes here has come so far. Only the last word of each is kept for the loop.
  void tell(wire::Progress progress);

  // --- for the loop ---

  /// Whether there are less tasks to take than those who submit have to wait for.
  [[nodiscard]] bool has_room();
  /// Submits whether there is room or not.
  [[nodiscard]] CallPtr add(core::TaskSpec spec, CallTallyPtr tally = {});

  struct Submitted {
    std::uint64_t number = 0;  ///< of the call, by which its end is told
    core::TaskSpec spec;
  };
  /// At most `max` tasks in the order of their priority and then of their submission.
  [[nodiscard]] std::vector<Submitted> take_submitted(std::size_t max);
  [[nodiscard]] bool has_submitted();
  [[nodiscard]] bool is_finished();
  /// The calls that were taken, have not ended, and are not wanted any more.
  [[nodiscard]] std::vector<std::uint64_t> take_cancelled();
  [[nodiscard]] std::vector<wire::Progress> take_told();
  /// Readable when something was submitted, cancelled or told since the last take.
  [[nodiscard]] int fd() const { return event_.get(); }

  struct Ended {
    std::uint64_t number = 0;
    CallEnd end;
  };
  void end(std::vector<Ended> ended);
  void set_progress(std::uint64_t number, CallProgress progress);

  /// Nothing more comes: what has not ended ends as stopped, now and whatever is submitted later.
  void close(const std::string& reason);

  /// In a process that was forked with a board that nobody used: makes it its own, with its shelf.
  void part_from_parent();

  /// Values that many of its tasks use. Closed with the board.
  [[nodiscard]] Shelf& shelf() { return shelf_; }

 private:
  void make_event();
  [[nodiscard]] bool has_room_locked() const;
  [[nodiscard]] CallPtr submit_locked(core::TaskSpec spec, std::span<const CallPtr> after, CallTallyPtr tally);
  void cancel_locked(const CallPtr& call);
  void enqueue(const CallPtr& call);
  void end_locked(const CallPtr& call, CallEnd end);
  void settle_blocked(Call& call);
  void signal();
  void clear_signal();
  void run_actions();
  static void note_thrown(const CallTallyPtr& tally, const std::exception_ptr& thrown);
  [[nodiscard]] static bool has_thrown(const CallTallyPtr& tally);
  static void rethrow(const CallTallyPtr& tally);

  /// What is to be done once a task of that submitter has ended.
  struct Action {
    CallTallyPtr tally;
    std::function<void()> act;
  };

  Shelf shelf_;
  support::UniqueFd event_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::condition_variable taken_;
  std::condition_variable has_actions_;
  std::map<std::uint8_t, std::deque<CallPtr>, std::greater<>> queued_;  ///< by priority
  std::size_t num_queued_ = 0;
  std::unordered_map<std::uint64_t, CallPtr> open_;  ///< not ended
  std::vector<std::uint64_t> cancelled_;
  std::map<core::AttemptId, wire::Progress> told_;
  std::deque<Action> actions_;
  std::thread actor_;  ///< from the first then() on
  std::uint64_t last_number_ = 0;
  std::string closed_because_;
  bool is_acting_ = false;
  bool is_finished_ = false;
  bool is_closed_ = false;
  bool is_over_ = false;
};

}  // namespace drover::runtime
