// Values as bytes and back: arguments and results of tasks on their way between processes.
//
// Any type with Boost.Serialization will do: a member `serialize`, a free one, or one of the standard
// library whose support in Boost is included here. What is loaded must be default-constructible, and
// need only be movable. All processes of a run are the same program on machines of one architecture:
// the bytes are not meant to be kept.
#pragma once

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/access.hpp>
#include <boost/serialization/array.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/set.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unique_ptr.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/serialization/version.hpp>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

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

}  // namespace detail

/// What can be an argument or a result of a task.
template <class T>
concept Serializable = std::is_void_v<T> || detail::Plain<T> || detail::Primitive<T> || detail::HasSerializeMember<T> ||
    std::is_final_v<T> || !detail::HasOnlyFallback<T>;

namespace detail {

inline constexpr unsigned kArchiveFlags = boost::archive::no_header | boost::archive::no_codecvt;

/// The values one after the other.
template <class... T>
std::string to_bytes(const T&... values) {
  static_assert((Serializable<T> && ...),
                "an argument or result of a task has no Boost.Serialization: give it a member "
                "template <class Archive> void serialize(Archive& ar, unsigned version)");
  std::string bytes;
  if constexpr ((Plain<T> && ...)) {
    bytes.reserve((sizeof(T) + ... + 0));
    (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  } else {
    support::StringWriter writer(bytes);
    boost::archive::binary_oarchive archive(writer, kArchiveFlags);
    ((archive << values), ...);
  }
  return bytes;
}

/// Loads what to_bytes() made of values of the same types. Throws std::exception when it is something else.
template <class... T>
void from_bytes(std::string_view bytes, T&... values) {
  static_assert((Serializable<T> && ...),
                "an argument or result of a task has no Boost.Serialization: give it a member "
                "template <class Archive> void serialize(Archive& ar, unsigned version)");
  if constexpr ((Plain<T> && ...)) {
    if (bytes.size() != (sizeof(T) + ... + 0)) throw std::length_error("a value is not of the type it is taken for");
    const char* next = bytes.data();
    ((std::memcpy(&values, next, sizeof values), next += sizeof values), ...);
  } else {
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
