// Strong identifiers: a rank, a task and a tag are never interchangeable integers.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <ostream>

namespace drover::support {

/// An integer that knows what it identifies. `Tag` is any type unique to the identifier;
/// value-initialised ids are 0, which by convention means "none".
template <class Tag, class Rep>
struct StrongId {
  using rep = Rep;
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  friend std::ostream& operator<<(std::ostream& os, StrongId id) { return os << id.value; }

  [[nodiscard]] constexpr bool is_none() const { return value == Rep{}; }
};

}  // namespace drover::support

template <class Tag, class Rep>
struct std::hash<drover::support::StrongId<Tag, Rep>> {
  std::size_t operator()(drover::support::StrongId<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
