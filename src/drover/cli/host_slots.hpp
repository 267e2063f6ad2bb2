// Hosts and slots as people write them.
#pragma once

#include <string>
#include <vector>

#include "drover/control/requests.hpp"

namespace drover::cli {

/// `a:8,b:4,c` (one slot where none is given); an empty text is an empty list. Throws UsageError.
[[nodiscard]] std::vector<control::HostSlots> parse_host_slots(const std::string& text);

}  // namespace drover::cli
