// What a function takes and gives, so that its calls can be sent to other processes; and what it may not take or be, in
// a line that the compiler prints.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>

#include "drover/farm/serialize.hpp"
#include "drover/farm/submitter.hpp"

namespace drover {

class TaskContext;

namespace detail {

/// Where the signature of a function is its own.
struct OwnSignature {};

/// Of what has no signature, or several.
template <class F>
struct FunctionTraits {
  static constexpr bool is_known = false;
};

template <class R, class... Args>
struct FunctionTraits<R(Args...)> {
  using Type = TaskType<std::remove_cvref_t<R>(std::remove_cvref_t<Args>...)>;
  using Params = std::tuple<std::remove_cvref_t<Args>...>;
  using Result = std::remove_cvref_t<R>;
  static constexpr bool is_known = true;
  static constexpr bool wants_context = false;
  /// Takes what it could only change where nobody sees it.
  static constexpr bool changes_arguments =
      ((std::is_lvalue_reference_v<Args> && !std::is_const_v<std::remove_reference_t<Args>>) || ...);
  template <class F>
  static constexpr bool kTakesThem = std::is_invocable_r_v<R, F, std::remove_cvref_t<Args>...>;
};
/// The context is not submitted.
template <class R, class... Args>
struct FunctionTraits<R(TaskContext&, Args...)> : FunctionTraits<R(Args...)> {
  static constexpr bool wants_context = true;
  template <class F>
  static constexpr bool kTakesThem = std::is_invocable_r_v<R, F, TaskContext&, std::remove_cvref_t<Args>...>;
};
template <class R, class... Args, bool is_noexcept>
struct FunctionTraits<R (*)(Args...) noexcept(is_noexcept)> : FunctionTraits<R(Args...)> {};

/// A member function takes its object first.
template <class F>
struct MemberTraits;
template <class C, class R, class... Args, bool is_noexcept>
struct MemberTraits<R (C::*)(Args...) noexcept(is_noexcept)> {
  using Call = R(Args...);
  using CallOfObject = R(C, Args...);
};
template <class C, class R, class... Args, bool is_noexcept>
struct MemberTraits<R (C::*)(Args...) const noexcept(is_noexcept)> : MemberTraits<R (C::*)(Args...)> {};
template <class C, class R, class... Args, bool is_noexcept>
struct MemberTraits<R (C::*)(Args...)& noexcept(is_noexcept)> : MemberTraits<R (C::*)(Args...)> {};
template <class C, class R, class... Args, bool is_noexcept>
struct MemberTraits<R (C::*)(Args...) const& noexcept(is_noexcept)> : MemberTraits<R (C::*)(Args...)> {};
template <class C, class R, class... Args, bool is_noexcept>
struct MemberTraits<R (C::*)(Args...)&& noexcept(is_noexcept)> : MemberTraits<R (C::*)(Args...)> {};

template <class F>
requires std::is_member_function_pointer_v<F>
struct FunctionTraits<F> : FunctionTraits<typename MemberTraits<F>::CallOfObject> {
};
template <class F>
requires requires {
  &F::operator();
}
struct FunctionTraits<F> : FunctionTraits<typename MemberTraits<decltype(&F::operator())>::Call> {};

/// By its own signature, or the one that was said.
template <class Signature, class F>
using TraitsOf =
    FunctionTraits<std::conditional_t<std::is_same_v<Signature, OwnSignature>, std::decay_t<F>, Signature>>;

template <class Params>
inline constexpr bool kAreLoadable = false;
template <class... Params>
inline constexpr bool kAreLoadable<std::tuple<Params...>> = (check_loadable<Params>() && ...);

/// Stops compilation when F cannot be a task, and says why; says whether it can.
template <class Traits, class F>
consteval bool check_task() {
  static_assert(Traits::is_known,
                "the parameters of a task's function cannot be told, as those of a generic lambda: say them, as in "
                "farm.task<int(double)>(name, function)");
  if constexpr (Traits::is_known) {
    static_assert(!Traits::changes_arguments,
                  "a task's function takes a reference that is not const: its arguments are copies that nobody else "
                  "sees; take them by value or const&, and return what is new");
    if constexpr (!Traits::changes_arguments && kAreLoadable<typename Traits::Params> &&
                  check_loadable<typename Traits::Result>()) {
      constexpr bool is_only_mutable = !Traits::template kTakesThem<const F&> && Traits::template kTakesThem<F&>;
      static_assert(!is_only_mutable,
                    "a task's function is mutable, and several threads call it at once: keep what changes in "
                    "on_worker_start(), or in the function itself");
      static_assert(is_only_mutable || Traits::template kTakesThem<const F&>,
                    "a task's function does not take the parameters that were said, or gives something else");
      return Traits::template kTakesThem<const F&>;
    }
  }
  return false;
}

/// The same for what is to be a session.
template <class F, class Session>
consteval bool check_session() {
  static_assert(std::is_invocable_v<F&, Session&>, "run() takes a function that can be called with a Session&");
  if constexpr (std::is_invocable_v<F&, Session&>) {
    using Result = std::invoke_result_t<F&, Session&>;
    static_assert(std::is_void_v<Result> || std::is_convertible_v<Result, int>,
                  "a session gives nothing, or an int: the exit status");
    return std::is_void_v<Result> || std::is_convertible_v<Result, int>;
  }
  return false;
}

}  // namespace detail

}  // namespace drover
