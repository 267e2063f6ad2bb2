// The front door of the library: a farm of worker ranks that executes the functions of a program.
//
//     int main(int argc, char** argv) {
//       drover::Farm farm(argc, argv);
//       auto square = farm.task("square", [](int x) { return x * x; });
//       return farm.run([&](drover::Session& session) {
//         for (auto& result : session.map(square, std::views::iota(1, 11))) std::cout << result.get() << '\n';
//       });
//     }
//
// main() is executed in every process: in the one that you start, which starts the others and waits for them, in the
// master, and in each worker. Only the session is the master's alone: what is to be done or printed once belongs there,
// or under `if (farm.is_master())`.
//
// Under mpirun, rank 0 is the master; without a launcher the program starts itself on this machine, with the workers
// that `-j` asks for. Losses, groups, the journal and the control channel are those of `drover run`, and so are its
// options.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "drover/farm/callable.hpp"
#include "drover/farm/errors.hpp"
#include "drover/farm/session.hpp"
#include "drover/farm/task_context.hpp"
#include "drover/farm/task_worker.hpp"

namespace drover {

/// Where tasks execute: on threads of their worker, or each in a process of its own, so that a crash ends
/// that task alone, what it leaks is gone with it, and its time limit ends it for certain. Such a process is
/// forked from a parent that has neither MPI nor threads, and costs about a millisecond: what it changes in
/// memory nobody sees, and a TaskWorker has one task in its life.
using exec::Isolation;

/// One in each process, made first thing in main(). Not thread-safe.
class Farm {
 public:
  /// Takes drover's options out of the arguments: what is left in `argc` and `argv` is the program's.
  /// An argument `--drover` in front makes the program drover itself: `program --drover status`.
  Farm(int& argc, char**& argv);
  ~Farm();
  Farm(const Farm&) = delete;
  Farm& operator=(const Farm&) = delete;

  /// Whether this process is the master, where the session is executed. So in one process at a time, and not in the one
  /// that starts the others.
  [[nodiscard]] bool is_master() const;

  /// Registers a function under a name, in every process the same, before run(): a function, a lambda or another
  /// function object, or a member function, whose object is its first argument. It may take a TaskContext& first; the
  /// types of its other parameters and of its result are Serializable. Several threads call it at once. What can be
  /// called in several ways is given its signature: `farm.task<int(double)>("round", [](auto x) { return int(x); })`.
  /// Throws UsageError when the name is taken, or empty.
  template <class Signature = detail::OwnSignature, class F>
  auto task(const std::string& name, F function) {
    using Traits = detail::TraitsOf<Signature, F>;
    if constexpr (detail::check_task<Traits, F>()) {
      using Result = typename Traits::Result;
      // Shared, so that it need not be copyable.
      const auto shared = std::make_shared<const F>(std::move(function));
      add(name, [shared](std::string_view argument, TaskContext& context) -> std::string {
        typename Traits::Params params;
        std::apply([&](auto&... param) { detail::from_bytes(argument, param...); }, params);
        const auto call = [&](auto&... param) -> Result {
          if constexpr (Traits::wants_context)
            return std::invoke(*shared, context, std::move(param)...);
          else
            return std::invoke(*shared, std::move(param)...);
        };
        return result_bytes<Result>([&]() -> Result { return std::apply(call, params); });
      });
      return typename Traits::Type(name);
    }
  }

  /// Registers a TaskWorker under a name; its tasks are submitted by that.
  template <std::derived_from<TaskWorker> Worker>
  void worker(const std::string& name) {
    add(name, [name](std::string_view argument, TaskContext& context) {
      static thread_local Worker worker;
      return worker.execute({name, std::string(argument)}, context);
    });
  }

  /// Executed once in each worker, before its first task: what it returns is there for all its tasks,
  /// as TaskContext::worker_state(). With Isolation::process that is in the parent of the tasks' processes,
  /// which all get it as it is then: it starts no threads.
  template <std::invocable F>
  void on_worker_start(F make_state) {
    using Made = std::remove_cvref_t<std::invoke_result_t<F&>>;
    set_worker_start([shared = std::make_shared<F>(std::move(make_state))]() -> WorkerState {
      if constexpr (std::is_void_v<Made>) {
        (*shared)();
        return {};
      } else {
        return {std::make_shared<Made>((*shared)()), typeid(Made)};
      }
    });
  }

  /// Where tasks execute: in every process the same, before run(). The option `--isolation` goes before it.
  /// The default is Isolation::thread.
  void set_isolation(Isolation isolation);

  /// On the master: executes `session(Session&)` on a thread of its own, until all tasks have ended. On a
  /// worker: serves the master, and does not call it. Returns what main() is to return: the session's
  /// own result if that is an int, or else as `drover run` does. When the session throws, what has not ended of its
  /// tasks is cancelled, what it threw is said on stderr and the status is 125; the run is over.
  template <class F>
  [[nodiscard]] int run(F session) {
    if constexpr (detail::check_session<F, Session>())
      return run_session([&session](Session& s) -> std::optional<int> {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, Session&>>) {
          session(s);
          return std::nullopt;
        } else {
          return session(s);
        }
      });
    else
      return 0;
  }

 private:
  using Body = std::function<std::string(std::string_view argument, TaskContext& context)>;
  using SessionBody = std::function<std::optional<int>(Session&)>;
  struct State;

  template <class R, class F>
  static std::string result_bytes(F&& call) {
    if constexpr (std::is_void_v<R>) {
      call();
      return {};
    } else if constexpr (std::is_same_v<R, std::string>) {
      return call();
    } else {
      return detail::to_bytes(static_cast<const R&>(call()));
    }
  }

  void add(const std::string& name, Body body);
  void add_body(const std::string& name, Body body);
  void set_worker_start(std::function<WorkerState()> make_state);
  int run_session(const SessionBody& session);

  std::unique_ptr<State> state_;
};

}  // namespace drover
