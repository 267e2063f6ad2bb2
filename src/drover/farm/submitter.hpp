// Submitting tasks: what the session on the master and the tasks on workers have in common.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "drover/farm/chunk.hpp"
#include "drover/farm/future.hpp"

namespace drover {

/// A task that was registered with a farm. Copies are the same.
template <class Signature>
class TaskType;

/// One that takes Params and gives an R.
template <class R, class... Params>
class TaskType<R(Params...)> {
 public:
  using Result = R;  ///< what its tasks give
  /// By the name that it was, or will be, registered under.
  explicit TaskType(std::string name) : name_(std::move(name)) {}
  /// By which every process knows it.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// How a task is to be executed.
struct SubmitOptions {
  /// 0 to 255, the highest goes first; none: 128, or that of the task that submits.
  std::optional<std::uint8_t> priority{};
  /// How long an attempt may take; zero: what --timeout says.
  std::chrono::nanoseconds timeout{};
  /// Begins once these have succeeded; if one of them does not, it is cancelled. Of the same submitter. A task whose
  /// own tasks come after others has ended only once all of them are handed in.
  std::vector<AnyFuture> after{};
  /// What it is called in logs and summaries; empty: the name of its type.
  std::string label{};
};

/// How the tasks of a map() are.
struct MapOptions {
  SubmitOptions submit{};  ///< each of them
  /// Tasks that are on their way at once: the bound of memory.
  std::size_t window = 4096;
};

/// One of the tasks of a map(), ended.
template <class R>
class Mapped : public Future<R> {
 public:
  /// For map().
  Mapped(Future<R> future, std::size_t index) : Future<R>(std::move(future)), index_(index) {}
  /// Of its argument, from 0.
  [[nodiscard]] std::size_t index() const { return index_; }

 private:
  std::size_t index_;
};

template <class Result, std::ranges::view Arguments>
class MapResults;

namespace detail {

template <class Params>
inline constexpr std::size_t kNumParams = 0;
template <class... Params>
inline constexpr std::size_t kNumParams<std::tuple<Params...>> = sizeof...(Params);

/// Stops compilation when a task is not given what it takes; says whether it is.
template <class Params, class Args>
struct ArgumentCheck;
template <class... Params, class... Args>
struct ArgumentCheck<std::tuple<Params...>, std::tuple<Args...>> {
  static consteval bool check() {
    static_assert(sizeof...(Args) == sizeof...(Params), "a task is given more or fewer arguments than it takes");
    if constexpr (sizeof...(Args) == sizeof...(Params)) {
      static_assert((std::is_convertible_v<Args, const Params&> && ...),
                    "an argument of a task is not what its parameter can be made of");
      return (std::is_convertible_v<Args, const Params&> && ...) && (check_loadable<Params>() && ...);
    }
    return false;
  }
};

/// The elements of a tuple as they are forwarded from it.
template <class Tuple, class Indices = std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Tuple>>>>
struct ElementsOf;
template <class Tuple, std::size_t... Index>
struct ElementsOf<Tuple, std::index_sequence<Index...>> {
  using Type = std::tuple<decltype(std::get<Index>(std::declval<Tuple>()))...>;
};

template <class T>
concept TupleLike = requires {
  std::tuple_size<std::remove_cvref_t<T>>::value;
};

/// The same for what a range has for each task: the argument itself, or a tuple of them.
template <class Params, class Element>
consteval bool check_element() {
  if constexpr (kNumParams<Params> == 1) {
    return ArgumentCheck<Params, std::tuple<Element>>::check();
  } else {
    static_assert(TupleLike<Element>, "a task with several parameters, or none, is mapped over tuples of arguments");
    if constexpr (TupleLike<Element>) return ArgumentCheck<Params, typename ElementsOf<Element>::Type>::check();
    return false;
  }
}

}  // namespace detail

/// Who submits tasks: the Session, and each TaskContext.
class Submitter {
 public:
  /// Submits one task. Waits while too many are on their way.
  template <class R, class... Params, class... Args>
  Future<R> submit(const TaskType<R(Params...)>& type, Args&&... args) {
    return submit(SubmitOptions{}, type, std::forward<Args>(args)...);
  }
  /// The same with options.
  template <class R, class... Params, class... Args>
  Future<R> submit(const SubmitOptions& options, const TaskType<R(Params...)>& type, Args&&... args) {
    if constexpr (detail::ArgumentCheck<std::tuple<Params...>, std::tuple<Args&&...>>::check())
      return Future<R>(board_, submit_bytes(type.name(), arguments<Params...>(std::forward<Args>(args)...), options));
    else
      return {};
  }

  /// Submits a task by the name of its type, with the argument as it is: for a TaskWorker.
  Future<std::string> submit(const std::string& type, std::string argument, const SubmitOptions& options = {}) {
    return Future<std::string>(board_, submit_bytes(type, std::move(argument), options));
  }

  /// A task for each of `range`, which is read as there is room. Gives the tasks in the order of their
  /// arguments as they end, as a view for a single pass:
  ///
  ///     for (auto& result : session.map(integrate, intervals)) sum += result.get();
  ///
  /// A type with several parameters takes tuples. `range`, if not moved in, must outlive what is returned.
  template <class R, class... Params, std::ranges::input_range Range>
  auto map(const TaskType<R(Params...)>& type, Range&& range, MapOptions options = {}) {
    return make_map(type, std::forward<Range>(range), std::move(options), true);
  }
  /// The same in the order in which they end.
  template <class R, class... Params, std::ranges::input_range Range>
  auto map_unordered(const TaskType<R(Params...)>& type, Range&& range, MapOptions options = {}) {
    return make_map(type, std::forward<Range>(range), std::move(options), false);
  }

  /// For functions that take next to nothing, a task for each `chunk_size` arguments of `range`, which share one
  /// message and one record. The task is the chunk: it has one time limit, and is tried again as a whole; if a call
  /// throws, the chunk has failed, and the calls after that one are not executed. Gives the chunks in order:
  ///
  ///     for (auto& chunk : session.map_chunks(square, std::views::iota(0, 1'000'000), 1000))
  ///       for (int result : chunk.get()) sum += result;
  template <class R, class... Params, std::ranges::input_range Range>
  auto map_chunks(const TaskType<R(Params...)>& type, Range&& range, std::size_t chunk_size, MapOptions options = {}) {
    using View = std::views::all_t<Range>;
    if constexpr (detail::check_element<std::tuple<Params...>, std::ranges::range_reference_t<View>>()) {
      auto to_bytes = [](auto&& argument) {
        if constexpr (sizeof...(Params) == 1)
          return arguments<Params...>(argument);
        else
          return std::apply([](auto&&... args) { return arguments<Params...>(args...); }, argument);
      };
      using Chunks = detail::ChunkView<View, decltype(to_bytes)>;
      SubmitOptions submit = std::move(options.submit);
      if (submit.label.empty()) submit.label = type.name();
      auto submit_chunk = [this, name = detail::chunk_name(type.name()), submit = std::move(submit)](
                              const typename Chunks::Chunk& chunk, std::size_t) {
        return MappedChunk<R>(AnyFuture(board_, submit_bytes(name, chunk.bytes, submit)), chunk.first, chunk.size);
      };
      return MapResults<MappedChunk<R>, Chunks>(
          Chunks(std::views::all(std::forward<Range>(range)), to_bytes, chunk_size), std::move(submit_chunk), board_,
          options.window, true);
    }
  }

  /// Waits until one of them has ended, and returns the index of the first that has. Throws UsageError when there are
  /// none.
  template <class R>
  [[nodiscard]] std::size_t wait_any(const std::vector<Future<R>>& futures) {
    std::vector<runtime::CallPtr> calls;
    for (const Future<R>& future : futures) calls.push_back(future.call());
    return detail::wait_any(*board_, calls);
  }

 protected:
  /// `depth`: of its tasks; `maker`: the task that submits, if one does.
  Submitter(std::shared_ptr<runtime::CallBoard> board, std::uint8_t priority, std::uint16_t depth,
            core::TaskId maker = {})
      : board_(std::move(board)), priority_(priority), depth_(depth), maker_(maker) {}
  /// Waits until all that was submitted is on its way.
  void hand_in();
  ~Submitter() = default;

  /// What it is to the board.
  [[nodiscard]] const runtime::CallTallyPtr& tally() const { return tally_; }
  /// Where its tasks are handed in.
  [[nodiscard]] runtime::CallBoard& board() const { return *board_; }
  /// The same, for what may outlive the submitter.
  [[nodiscard]] const std::shared_ptr<runtime::CallBoard>& shared_board() const { return board_; }

 private:
  template <class... Params, class... Args>
  static std::string arguments(Args&&... args) {
    return detail::to_bytes(static_cast<const std::remove_cvref_t<Params>&>(args)...);
  }
  runtime::CallPtr submit_bytes(const std::string& name, std::string argument, const SubmitOptions& options);

  template <class R, class... Params, class Range>
  auto make_map(const TaskType<R(Params...)>& type, Range&& range, MapOptions options, bool is_ordered) {
    using View = std::views::all_t<Range>;
    using Element = std::ranges::range_reference_t<View>;
    if constexpr (detail::check_element<std::tuple<Params...>, Element>()) {
      auto submit_one = [this, type, submit = std::move(options.submit)](Element argument, std::size_t index) {
        if constexpr (sizeof...(Params) == 1)
          return Mapped<R>(this->submit(submit, type, std::forward<Element>(argument)), index);
        else
          return Mapped<R>(std::apply([&](auto&&... args) { return this->submit(submit, type, args...); }, argument),
                           index);
      };
      return MapResults<Mapped<R>, View>(std::views::all(std::forward<Range>(range)), std::move(submit_one), board_,
                                         options.window, is_ordered);
    }
  }

  std::shared_ptr<runtime::CallBoard> board_;
  std::uint8_t priority_;
  std::uint16_t depth_;
  core::TaskId maker_;
  runtime::CallTallyPtr tally_ = std::make_shared<runtime::CallTally>();
};

/// What map() gives: a view for a single pass, to be moved only before that begins.
template <class Result, std::ranges::view Arguments>
class MapResults : public std::ranges::view_base {
 public:
  /// Submits a task for an argument, of which it also gets the index.
  using Submit = std::function<Result(std::ranges::range_reference_t<Arguments> argument, std::size_t index)>;

  /// For map().
  MapResults(Arguments arguments, Submit submit, std::shared_ptr<runtime::CallBoard> board, std::size_t window,
             bool is_ordered)
      : arguments_(std::move(arguments)),
        submit_(std::move(submit)),
        board_(std::move(board)),
        window_(window > 0 ? window : 1),
        is_ordered_(is_ordered) {}

  /// An input iterator.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;  ///< a single pass
    using value_type = Result;                         ///< a task that has ended
    using difference_type = std::ptrdiff_t;            ///< of no meaning

    /// For begin().
    explicit Iterator(MapResults& results) : results_(&results) {}
    /// The task that it stands at.
    Result& operator*() const { return *results_->current_; }
    /// Submits more, and waits for the next that ends.
    Iterator& operator++() {
      results_->advance();
      return *this;
    }
    /// The same.
    void operator++(int) { ++*this; }
    /// There are no more.
    [[nodiscard]] bool is_at_end() const { return !results_->current_; }
    /// Whether it is at its end.
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.is_at_end(); }

   private:
    MapResults* results_;
  };

  /// Submits the first tasks, and waits for one to end. To be called once.
  Iterator begin() {
    next_.emplace(std::ranges::begin(arguments_));
    advance();
    return Iterator(*this);
  }
  /// Stands for the end.
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  void advance() {
    current_.reset();
    for (; on_their_way_.size() < window_ && *next_ != std::ranges::end(arguments_); ++*next_, ++num_submitted_) {
      const auto added = on_their_way_.emplace(num_submitted_, submit_(**next_, num_submitted_)).first;
      if (!is_ordered_) board_->tell_end(added->second.call(), ends_, num_submitted_);
    }
    if (on_their_way_.empty()) return;
    const auto ended = is_ordered_ ? on_their_way_.begin() : on_their_way_.find(detail::wait_next(*board_, *ends_));
    if (is_ordered_) ended->second.wait();
    current_.emplace(std::move(ended->second));
    on_their_way_.erase(ended);
  }

  Arguments arguments_;
  Submit submit_;
  std::shared_ptr<runtime::CallBoard> board_;
  std::size_t window_;
  bool is_ordered_;
  std::optional<std::ranges::iterator_t<Arguments>> next_;
  std::size_t num_submitted_ = 0;
  std::map<std::size_t, Result> on_their_way_;  ///< by the order of submission
  runtime::EndQueuePtr ends_ = std::make_shared<runtime::EndQueue>();
  std::optional<Result> current_;
};

}  // namespace drover
