// Hosts and slots as people write them: lists, and host files as Open MPI has them.
#pragma once

#include <string>
#include <vector>

#include "drover/control/requests.hpp"

namespace drover::cli {

/// `a:8,b:4,c`; one slot where none are given. Throws UsageError.
[[nodiscard]] std::vector<control::HostSlots> parse_host_slots(const std::string& text);

/// A line is a host and `slots=N` (default 1); `max_slots=N` or `max-slots=N` bounds that; other settings
/// are an error. What follows # is a comment. A host that comes again adds to its slots. `name` is what
/// messages call the file. Throws UsageError naming file and line.
[[nodiscard]] std::vector<control::HostSlots> parse_hostfile(const std::string& text, const std::string& name);

/// Reads and parses. Throws UsageError also when the file cannot be read or names no host.
[[nodiscard]] std::vector<control::HostSlots> read_hostfile(const std::string& path);

}  // namespace drover::cli
