// The payload of a task of kind function: the name of the function, and its argument.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace drover::core {

/// Mostly without copying the argument elsewhere.
[[nodiscard]] inline std::string call_payload(std::string_view name, std::string argument) {
  argument.insert(0, 1, '\0');
  return std::move(argument.insert(0, name));
}

struct CallParts {
  std::string_view name;
  std::string_view argument;
};
/// Points into `payload`. A payload that is none has an empty name.
[[nodiscard]] inline CallParts parse_call(std::string_view payload) {
  const auto end_of_name = payload.find('\0');
  if (end_of_name == std::string_view::npos) return {};
  return {payload.substr(0, end_of_name), payload.substr(end_of_name + 1)};
}

}  // namespace drover::core
