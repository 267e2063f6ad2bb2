// Structs to JSON objects and back. Each struct lists its fields once, in a function `fields(archive,
// struct)` that serves both directions, so that they cannot drift apart. Internal to this folder.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "drover/control/protocol.hpp"
#include "drover/control/text.hpp"
#include "drover/core/task.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/strong_id.hpp"

namespace drover::control::json_fields {

using Json = nlohmann::json;

/// The name of an enumerator in JSON.
template <class Enum>
struct Named {
  Enum value;
  std::string_view name;
};

/// Bytes that need not be UTF-8: written as the string `key` or, if that cannot be, as `key_base64`.
struct Bytes {
  std::string& value;
};

inline double to_seconds(core::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

class Writer {
 public:
  explicit Writer(Json& object) : object_(object) {}

  template <class T>
  void required(const char* key, T&& value) {
    put(key, value);
  }
  /// Left out when it says nothing.
  template <class T>
  void optional(const char* key, T& value) {
    if (value != T{}) put(key, value);
  }
  void optional(const char* key, Bytes value) {
    if (!value.value.empty()) put(key, value);
  }
  template <class Int>
  void number(const char* key, Int& value, Int /*low*/, Int /*high*/) {
    object_[key] = value;
  }
  template <class Enum, std::size_t N>
  void name(const char* key, Enum& value, const std::array<Named<Enum>, N>& names) {
    for (const Named<Enum>& named : names)
      if (named.value == value) object_[key] = named.name;
  }

 private:
  template <class T>
  void put(const char* key, T& value) {
    object_[key] = json_of(value);
  }
  void put(const char* key, Bytes value) {
    if (is_utf8(value.value))
      object_[key] = value.value;
    else
      object_[std::string(key) + "_base64"] = encode_base64(value.value);
  }

  template <class T>
  requires std::is_arithmetic_v<T>
  static Json json_of(T& value) { return value; }
  static Json json_of(std::string& value) { return value; }
  static Json json_of(HostName& host) { return host.name; }
  template <class Tag, class Rep>
  static Json json_of(support::StrongId<Tag, Rep>& id) {
    return id.value;
  }
  static Json json_of(core::Duration& duration) { return to_seconds(duration); }
  template <class T>
  static Json json_of(std::optional<T>& value) {
    return value ? json_of(*value) : Json();
  }
  template <class T>
  static Json json_of(std::vector<T>& values) {
    Json list = Json::array();
    for (T& value : values) list.push_back(json_of(value));
    return list;
  }
  template <class T>
  requires std::is_class_v<T>
  static Json json_of(T& value) {
    Json object = Json::object();
    Writer writer(object);
    fields(writer, value);
    return object;
  }

  Json& object_;
};

/// What becomes of fields that nobody asks for.
enum class UnknownFields : std::uint8_t { refused, ignored };

/// Throws ProtocolError naming the field.
class Reader {
 public:
  /// `path` names the object itself, as in `tasks[3]`; empty: the whole line.
  Reader(const Json& object, std::string path, UnknownFields unknown_fields)
      : object_(object), path_(std::move(path)), unknown_fields_(unknown_fields) {
    if (!object.is_object()) reject("", "an object");
  }

  template <class T>
  void required(const char* key, T& value) {
    const Json* json = find(key);
    if (json == nullptr) missing(key);
    get(*json, key, value);
  }
  void required(const char* key, Bytes value) {
    if (!get_bytes(key, value.value)) missing(key);
  }
  template <class T>
  void optional(const char* key, T& value) {
    if (const Json* json = find(key)) get(*json, key, value);
  }
  void optional(const char* key, Bytes value) { (void)get_bytes(key, value.value); }
  template <class Int>
  void number(const char* key, Int& value, Int low, Int high) {
    const Json* json = find(key);
    if (json == nullptr) return;
    value = integer(*json, key, low, high);
  }
  template <class Enum, std::size_t N>
  void name(const char* key, Enum& value, const std::array<Named<Enum>, N>& names) {
    const Json* json = find(key);
    if (json == nullptr) return;
    std::string expected;
    for (const Named<Enum>& named : names) {
      if (*json == named.name) {
        value = named.value;
        return;
      }
      (expected += expected.empty() ? "one of " : ", ") += named.name;
    }
    reject(key, expected);
  }

  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }

  /// All fields have been asked for.
  void finish() const;

 private:
  const Json* find(const std::string& key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  void get(const Json& json, const std::string& key, bool& value) const {
    if (!json.is_boolean()) reject(key, "true or false");
    value = json.get<bool>();
  }
  template <std::integral Int>
  void get(const Json& json, const std::string& key, Int& value) const {
    value = integer<Int>(json, key, std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max());
  }
  void get(const Json& json, const std::string& key, double& value) const {
    if (!json.is_number()) reject(key, "a number");
    value = json.get<double>();
  }
  void get(const Json& json, const std::string& key, std::string& value) const {
    if (!json.is_string()) reject(key, "a string");
    value = json.get<std::string>();
  }
  void get(const Json& json, const std::string& key, HostName& host) const { get(json, key, host.name); }
  template <class Tag, class Rep>
  void get(const Json& json, const std::string& key, support::StrongId<Tag, Rep>& id) const {
    get(json, key, id.value);
  }
  void get(const Json& json, const std::string& key, core::Duration& duration) const {
    constexpr double kLongest = std::chrono::duration<double>(support::kLongestDuration).count();
    double seconds = 0;
    get(json, key, seconds);
    if (!(std::abs(seconds) <= kLongest)) reject(key, "a number of seconds");
    duration = core::Duration(std::llround(seconds * 1e9));
  }
  template <class T>
  void get(const Json& json, const std::string& key, std::optional<T>& value) const {
    if (json.is_null()) {
      value.reset();
    } else {
      get(json, key, value.emplace());
    }
  }
  template <class T>
  void get(const Json& json, const std::string& key, std::vector<T>& values) const {
    if (!json.is_array()) reject(key, "an array");
    values.clear();
    values.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i)
      get(json[i], key + "[" + std::to_string(i) + "]", values.emplace_back());
  }
  template <class T>
  requires std::is_class_v<T>
  void get(const Json& json, const std::string& key, T& value) const {
    Reader reader(json, full_name(key), unknown_fields_);
    fields(reader, value);
    reader.finish();
  }

  template <class Int>
  Int integer(const Json& json, const std::string& key, Int low, Int high) const {
    const bool fits =
        (json.is_number_unsigned() && std::in_range<Int>(json.get<std::uint64_t>())) ||
        (json.is_number_integer() && !json.is_number_unsigned() && std::in_range<Int>(json.get<std::int64_t>()));
    if (!fits || json.get<Int>() < low || json.get<Int>() > high)
      reject(key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return json.get<Int>();
  }

  bool get_bytes(const std::string& key, std::string& value) {
    if (const Json* json = find(key)) {
      get(*json, key, value);
      return true;
    }
    const Json* json = find(key + "_base64");
    if (json == nullptr) return false;
    std::string text;
    get(*json, key + "_base64", text);
    std::optional<std::string> bytes = decode_base64(text);
    if (!bytes) reject(key + "_base64", "base64 with padding");
    value = std::move(*bytes);
    return true;
  }

  [[nodiscard]] std::string full_name(const std::string& key) const;
  [[noreturn]] void reject(const std::string& key, const std::string& expected) const;
  [[noreturn]] void missing(const std::string& key) const;

  const Json& object_;
  std::string path_;
  UnknownFields unknown_fields_;
  std::set<std::string> known_;
};

template <class Archive>
void fields(Archive& archive, HostSlots& host) {
  archive.required("host", host.host);
  archive.number("slots", host.num_slots, 0U, std::numeric_limits<std::uint32_t>::max());
}

inline constexpr std::array<Named<WayIn>, 3> kWaysIn{
    {{WayIn::automatic, "auto"}, {WayIn::spawn, "spawn"}, {WayIn::join, "join"}}};

/// Parses a line that must hold one object. Throws ProtocolError for anything else, and for nesting
/// deeper than any message has: what a line costs is bounded by its length.
[[nodiscard]] Json parse_object(std::string_view line);

/// One line, with its newline. What is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_line(const Json& object);

}  // namespace drover::control::json_fields
