// What of the standard library Boost.Serialization knows, and what it does not: std::optional, std::tuple,
// std::variant, durations and points in time, std::filesystem::path, and a std::unique_ptr to any type.
//
// Each of those here is less special than an overload for the type itself, which later versions of Boost have for some
// of them: that is then chosen.
#pragma once

#include <boost/archive/archive_exception.hpp>
#include <boost/serialization/array.hpp>
#include <boost/serialization/bitset.hpp>
#include <boost/serialization/complex.hpp>
#include <boost/serialization/deque.hpp>
#include <boost/serialization/forward_list.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/set.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/unordered_set.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/vector.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace drover::detail {

/// Whether T is made from the class template.
template <class T, template <class...> class Template>
inline constexpr bool kIsMadeFrom = false;
template <class... Args, template <class...> class Template>
inline constexpr bool kIsMadeFrom<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool kIsDuration = false;
template <class Count, class Period>
inline constexpr bool kIsDuration<std::chrono::duration<Count, Period>> = true;

template <class T>
concept Optional = kIsMadeFrom<T, std::optional>;
template <class T>
concept Tuple = kIsMadeFrom<T, std::tuple>;
template <class T>
concept Variant = kIsMadeFrom<T, std::variant>;
template <class T>
concept Duration = kIsDuration<T>;
template <class T>
concept TimePoint = kIsMadeFrom<T, std::chrono::time_point>;
template <class T>
concept UniquePointer = kIsMadeFrom<T, std::unique_ptr>;

template <class Archive, class T, std::size_t... Index>
void load_alternative(Archive& archive, T& value, std::size_t wanted, std::index_sequence<Index...>) {
  const auto load = [&]<std::size_t I>(std::in_place_index_t<I>) { archive& value.template emplace<I>(); };
  const bool is_known = ((Index == wanted && (load(std::in_place_index<Index>), true)) || ...);
  if (!is_known) throw boost::archive::archive_exception(boost::archive::archive_exception::input_stream_error);
}

}  // namespace drover::detail

namespace boost::serialization {

template <class Archive, drover::detail::Optional T>
void serialize(Archive& archive, T& value, unsigned) {
  bool has_value = value.has_value();
  archive& has_value;
  if constexpr (Archive::is_loading::value) {
    value.reset();
    if (has_value) value.emplace();
  }
  if (has_value) archive&* value;
}

template <class Archive, drover::detail::Tuple T>
void serialize(Archive& archive, T& value, unsigned) {
  std::apply([&](auto&... parts) { (void)(archive & ... & parts); }, value);
}

template <class Archive>
void serialize(Archive&, std::monostate&, unsigned) {}

/// Of what may be of a derived type, Boost finds out which.
template <class Archive, drover::detail::UniquePointer T>
void serialize(Archive& archive, T& value, unsigned) {
  using Element = typename T::element_type;
  if constexpr (std::is_polymorphic_v<Element>) {
    Element* pointer = value.get();
    archive& pointer;
    if constexpr (Archive::is_loading::value) value.reset(pointer);
  } else {
    bool has_value = value != nullptr;
    archive& has_value;
    if constexpr (Archive::is_loading::value) value.reset(has_value ? new Element() : nullptr);
    if (has_value) archive&* value;
  }
}

/// One that has lost its value by an exception has none to be saved: it throws.
template <class Archive, drover::detail::Variant T>
void serialize(Archive& archive, T& value, unsigned) {
  auto index = static_cast<std::uint32_t>(value.index());
  archive& index;
  if constexpr (Archive::is_loading::value)
    drover::detail::load_alternative(archive, value, index, std::make_index_sequence<std::variant_size_v<T>>());
  else
    std::visit([&](auto& alternative) { archive& alternative; }, value);
}

template <class Archive, drover::detail::Duration T>
void serialize(Archive& archive, T& value, unsigned) {
  typename T::rep count = value.count();
  archive& count;
  value = T(count);
}

template <class Archive, drover::detail::TimePoint T>
void serialize(Archive& archive, T& value, unsigned) {
  typename T::duration since_epoch = value.time_since_epoch();
  archive& since_epoch;
  value = T(since_epoch);
}

template <class Archive>
void serialize(Archive& archive, std::filesystem::path& value, unsigned) {
  std::string text = value.native();
  archive& text;
  value = std::move(text);
}

}  // namespace boost::serialization
