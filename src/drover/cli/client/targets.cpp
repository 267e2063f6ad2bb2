#include "drover/cli/client/targets.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

template <class Id>
std::optional<Id> parse_id(std::string_view text) {
  Id id;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id.value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return id;
}

/// What follows `prefix`.
std::optional<std::string> after(const std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

template <class Id>
Id require_id(const std::string& text, const std::string& number) {
  if (const std::optional<Id> id = parse_id<Id>(number)) return *id;
  throw UsageError("'" + text + "' has no number after the colon");
}

control::HostName host_of(const std::string& text) {
  control::HostName host{after(text, "host:").value_or(text)};
  if (host.name.empty()) throw UsageError("'" + text + "' names no host");
  return host;
}

}  // namespace

std::variant<core::GroupId, core::WorkerId, control::HostName> parse_drain_target(const std::string& text) {
  if (const auto number = after(text, "group:")) return require_id<core::GroupId>(text, *number);
  if (const auto number = after(text, "rank:")) return require_id<core::WorkerId>(text, *number);
  if (parse_id<core::WorkerId>(text))
    throw UsageError("'" + text + "' may be a group or a rank: say group:" + text + " or rank:" + text +
                     ", or host:" + text + " if a host has that name");
  return host_of(text);
}

std::variant<core::TaskId, control::HostName> parse_subject(const std::string& text) {
  if (const auto number = after(text, "task:")) return require_id<core::TaskId>(text, *number);
  if (const auto task = parse_id<core::TaskId>(text)) return *task;
  return host_of(text);
}

}  // namespace drover::cli
