#include "drover/control/json_fields.hpp"

namespace drover::control::json_fields {

namespace {

/// The deepest message is an array of objects in an object.
constexpr int kMostDepth = 8;

bool is_too_deep(std::string_view line) {
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (is_in_string && c == '\\')
      ++i;
    else if (c == '"')
      is_in_string = !is_in_string;
    else if (!is_in_string && (c == '[' || c == '{') && ++depth > kMostDepth)
      return true;
    else if (!is_in_string && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

}  // namespace

void Reader::finish() const {
  if (unknown_fields_ == UnknownFields::ignored) return;
  for (const auto& [key, value] : object_.items()) {
    if (known_.contains(key)) continue;
    std::string expected;
    for (const std::string& known : known_)
      if (!known.ends_with("_base64")) (expected += expected.empty() ? "only " : ", ") += known;
    throw ProtocolError(ErrorCode::bad_request, "unknown field '" + full_name(key) + "'", expected);
  }
}

std::string Reader::full_name(const std::string& key) const {
  return path_.empty() || key.empty() ? path_ + key : path_ + "." + key;
}

void Reader::reject(const std::string& key, const std::string& expected) const {
  const std::string name = full_name(key);
  throw ProtocolError(ErrorCode::bad_request,
                      name.empty() ? "the line is not " + expected : "'" + name + "' must be " + expected, expected);
}

void Reader::missing(const std::string& key) const {
  throw ProtocolError(ErrorCode::bad_request, "'" + full_name(key) + "' is missing", "the field " + key);
}

Json parse_object(std::string_view line) {
  constexpr const char* kExpected = R"(a JSON object on one line, such as {"v":1,"id":1,"request":"status"})";
  if (is_too_deep(line))
    throw ProtocolError(ErrorCode::bad_request, "the line is nested too deeply to be a message", kExpected);
  Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) throw ProtocolError(ErrorCode::bad_request, "the line is not JSON", kExpected);
  if (!object.is_object()) throw ProtocolError(ErrorCode::bad_request, "the line is not an object", kExpected);
  return object;
}

std::string to_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace drover::control::json_fields
