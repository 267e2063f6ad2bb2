// Hosts and slots as people write them: lists, and host files as Open MPI has them. A name that has passed here
// can be an argument of ssh or mpirun: it is no option of theirs and holds nothing that a shell would read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drover/control/requests.hpp"

namespace drover::control {

/// Why this is no name or address of a host, optionally with a user (`me@node5`), as a clause that names it; empty
/// when it is one. An IPv6 address is without brackets.
[[nodiscard]] std::string host_name_fault(std::string_view name);

/// A host, and what follows it after a colon.
struct HostAndRest {
  std::string host;
  bool has_rest = false;
  std::string rest;
};
/// `node5:REST` or `[fd00::1]:REST`, whatever REST is. Throws UsageError when that begins with no host.
[[nodiscard]] HostAndRest split_host(std::string_view text);

/// `a:8, b:4,c,[fd00::1]:2`; one slot where none are given. A host that comes again adds to its slots. Throws
/// UsageError.
[[nodiscard]] std::vector<HostSlots> parse_host_slots(const std::string& text);

/// As parse_host_slots() reads it.
[[nodiscard]] std::string format_host_slots(const std::vector<HostSlots>& hosts);

/// A line is a host and `slots=N`, or `host:N` (default 1); `max_slots=N` or `max-slots=N` bounds that; other settings
/// are an error. What follows # is a comment. A host that comes again adds to its slots. `name` is what
/// messages call the file. Throws UsageError naming file and line.
[[nodiscard]] std::vector<HostSlots> parse_hostfile(std::string_view text, const std::string& name);

/// Reads and parses. Throws UsageError also when the file cannot be read or names no host.
[[nodiscard]] std::vector<HostSlots> read_hostfile(const std::string& path);

}  // namespace drover::control
