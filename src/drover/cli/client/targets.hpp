// What people name on a farm: groups, workers, hosts and tasks.
#pragma once

#include <string>
#include <variant>

#include "drover/control/requests.hpp"

namespace drover::cli {

/// `group:2`, `rank:5`, `host:NAME`, or a host's name alone, unless that is a number: nobody could tell
/// what it is the number of. Throws UsageError.
[[nodiscard]] std::variant<core::GroupId, core::WorkerId, control::HostName> parse_drain_target(
    const std::string& text);

/// `12` or `task:12`, `host:NAME`, or a host's name alone. Throws UsageError.
[[nodiscard]] std::variant<core::TaskId, control::HostName> parse_subject(const std::string& text);

}  // namespace drover::cli
