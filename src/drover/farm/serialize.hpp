// Values as bytes and back: arguments and results of tasks on their way between processes.
//
// Numbers, enumerations and what standard_types.hpp has of the standard library will do, and any type with
// Boost.Serialization: a member `serialize`, or a free one. What is loaded must be default-constructible, and need
// only be movable. All processes of a run are the same program on machines of one architecture: the bytes are not
// meant to be kept.
#pragma once

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/access.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/version.hpp>
#include <concepts>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "drover/farm/standard_types.hpp"
#include "drover/support/byte_streams.hpp"

namespace drover::detail {

/// What an archive is to overload resolution, and nothing else.
struct ProbeArchive {};
struct NotSerializable {};

/// Stands beside a member of T, so that naming the member is ambiguous if T has one, whoever may use it.
struct SerializeMember {
  int serialize;
};
template <class T>
struct WithSerializeMember : T, SerializeMember {};

}  // namespace drover::detail

namespace boost::serialization {
/// More special than Boost's own fallback, and neither more nor less so than any other overload for T:
/// chosen if there is none.
template <class T>
drover::detail::NotSerializable serialize(drover::detail::ProbeArchive& archive, T& value, unsigned int version);
}  // namespace boost::serialization

namespace drover {

namespace detail {

template <class T>
concept HasOnlyFallback = requires(ProbeArchive& archive, T& value, boost::serialization::version_type version) {
  { serialize(archive, value, version) } -> std::same_as<NotSerializable>;
};

template <class T>
concept HasSerializeMember = std::is_class_v<T> && !std::is_final_v<T> && !requires {
  &WithSerializeMember<T>::serialize;
};

/// Boost's archives know how to write it themselves: a string.
template <class T>
concept Primitive =
    boost::serialization::implementation_level<T>::value == boost::serialization::level_type::primitive_type;

/// As they lie in memory.
template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Has a value_type of which it has several.
template <class T>
concept Container = !HasSerializeMember<T> && requires {
  typename T::value_type;
  typename T::allocator_type;
};

// Whether a value can be made bytes: of a type of the standard library, when all its parts can.

template <class T>
inline constexpr bool kIsSerializable =
    std::is_void_v<T> || Plain<T> || Primitive<T> || HasSerializeMember<T> || std::is_final_v<T> || !HasOnlyFallback<T>;
template <class T>
inline constexpr bool kIsSerializable<const T> = kIsSerializable<T>;
template <Container T>
requires(!Primitive<T>) inline constexpr bool kIsSerializable<T> = kIsSerializable<typename T::value_type>;
template <class T, std::size_t size>
inline constexpr bool kIsSerializable<std::array<T, size>> = kIsSerializable<T>;
template <class T, class Deleter>
inline constexpr bool kIsSerializable<std::unique_ptr<T, Deleter>> = !std::is_array_v<T> && kIsSerializable<T>;
template <class First, class Second>
inline constexpr bool kIsSerializable<std::pair<First, Second>> = kIsSerializable<First>&& kIsSerializable<Second>;
template <class... Parts>
inline constexpr bool kIsSerializable<std::tuple<Parts...>> = (kIsSerializable<Parts> && ...);
template <class... Parts>
inline constexpr bool kIsSerializable<std::variant<Parts...>> = (kIsSerializable<Parts> && ...);
template <class T>
inline constexpr bool kIsSerializable<std::optional<T>> = kIsSerializable<T>;
template <Duration T>
inline constexpr bool kIsSerializable<T> = kIsSerializable<typename T::rep>;
template <TimePoint T>
inline constexpr bool kIsSerializable<T> = kIsSerializable<typename T::duration>;
template <>
inline constexpr bool kIsSerializable<std::filesystem::path> = true;

}  // namespace detail

/// What can be an argument or a result of a task.
template <class T>
concept Serializable = detail::kIsSerializable<T>;

namespace detail {

inline constexpr unsigned kArchiveFlags = boost::archive::no_header | boost::archive::no_codecvt;

/// Stops compilation, and names the type, when T cannot be sent; says whether it can.
template <class T>
consteval bool check_serializable() {
  static_assert(kIsSerializable<T>,
                "an argument, a result or a value that is broadcast has no serialization: give its type a member "
                "template <class Archive> void serialize(Archive& ar, unsigned) { ar & ...; }, or take another type "
                "(a std::string for text, the value for a pointer)");
  return kIsSerializable<T>;
}

/// The same for what is to be loaded.
template <class T>
consteval bool check_loadable() {
  static_assert(std::is_void_v<T> || std::default_initializable<T>,
                "an argument or a result has no default constructor: it is made by one before it is loaded");
  return check_serializable<T>() && (std::is_void_v<T> || std::default_initializable<T>);
}

/// The values one after the other.
template <class... T>
std::string to_bytes(const T&... values) {
  std::string bytes;
  if constexpr ((Plain<T> && ...)) {
    bytes.reserve((sizeof(T) + ... + 0));
    (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  } else if constexpr ((check_serializable<T>() && ...)) {
    support::StringWriter writer(bytes);
    boost::archive::binary_oarchive archive(writer, kArchiveFlags);
    ((archive << values), ...);
  }
  return bytes;
}

/// Loads what to_bytes() made of values of the same types. Throws std::exception when it is something else.
template <class... T>
void from_bytes(std::string_view bytes, T&... values) {
  if constexpr ((Plain<T> && ...)) {
    if (bytes.size() != (sizeof(T) + ... + 0)) throw std::length_error("a value is not of the type it is taken for");
    const char* next = bytes.data();
    ((std::memcpy(&values, next, sizeof values), next += sizeof values), ...);
  } else if constexpr ((check_serializable<T>() && ...)) {
    support::SpanReader reader(bytes);
    boost::archive::binary_iarchive archive(reader, kArchiveFlags);
    ((archive >> values), ...);
  }
}

/// Of bytes that a function has returned.
template <class R>
R result_from(std::string_view bytes) {
  if constexpr (std::is_same_v<R, std::string>) {
    return std::string(bytes);
  } else {
    R value{};
    from_bytes(bytes, value);
    return value;
  }
}

}  // namespace detail

}  // namespace drover
