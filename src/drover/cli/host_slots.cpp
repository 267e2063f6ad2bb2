#include "drover/cli/host_slots.hpp"

#include <charconv>
#include <sstream>

#include "drover/support/error.hpp"

namespace drover::cli {

std::vector<control::HostSlots> parse_host_slots(const std::string& text) {
  std::vector<control::HostSlots> hosts;
  std::istringstream entries(text);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const auto colon = entry.rfind(':');
    control::HostSlots host{entry.substr(0, colon), 1};
    if (colon != std::string::npos) {
      const char* begin = entry.data() + colon + 1;
      const char* end = entry.data() + entry.size();
      const auto parsed = std::from_chars(begin, end, host.num_slots);
      if (parsed.ec != std::errc() || parsed.ptr != end || host.num_slots == 0)
        throw UsageError("'" + entry + "' is not a host with slots; expected for example node5:8");
    }
    if (host.host.empty()) throw UsageError("'" + text + "' has a host without a name; expected for example node5:8");
    hosts.push_back(std::move(host));
  }
  return hosts;
}

}  // namespace drover::cli
