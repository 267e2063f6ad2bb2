#include "drover/cli/client/host_slots.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::uint32_t kMostSlots = 65'536;

/// From 1 to kMostSlots; none when it is no such number.
std::optional<std::uint32_t> parse_slots(const std::string& text) {
  std::uint32_t num = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), num);
  const bool is_number = !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!is_number || num == 0 || num > kMostSlots) return std::nullopt;
  return num;
}

/// A host that is named twice has the slots of both.
void add_host(std::vector<control::HostSlots>& hosts, control::HostSlots host) {
  const auto known = std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h.host == host.host; });
  if (known == hosts.end())
    hosts.push_back(std::move(host));
  else
    known->num_slots = std::min(known->num_slots + host.num_slots, kMostSlots);
}

/// A line of the file, for messages.
struct Place {
  std::string name;
  int line = 0;

  [[nodiscard]] UsageError error(const std::string& what) const {
    return UsageError(name + ":" + std::to_string(line) + ": " + what);
  }
};

std::uint32_t parse_slots(const std::string& text, const Place& place) {
  if (const std::optional<std::uint32_t> num = parse_slots(text)) return *num;
  throw place.error("'" + text + "' is not a number of slots from 1 to " + std::to_string(kMostSlots));
}

/// `slots = 8` is one setting too.
std::string without_spaces_at_equals(const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_space = line[i] == ' ' || line[i] == '\t' || line[i] == '\r';
    if (is_space) {
      const auto next = line.find_first_not_of(" \t\r", i);
      if (next == std::string::npos || line[next] == '=' || text.ends_with('=')) continue;
    }
    text += line[i];
  }
  return text;
}

control::HostSlots parse_line(const std::string& line, const Place& place) {
  std::istringstream words(without_spaces_at_equals(line));
  control::HostSlots host;
  std::uint32_t most = kMostSlots;
  words >> host.host;
  if (host.host.find('=') != std::string::npos) throw place.error("'" + host.host + "' comes before a host");
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "slots")
      host.num_slots = parse_slots(value, place);
    else if (key == "max_slots" || key == "max-slots")
      most = parse_slots(value, place);
    else
      throw place.error("'" + word + "' is not a setting of a host; expected slots=N or max_slots=N");
  }
  host.num_slots = std::min(host.num_slots, most);
  return host;
}

}  // namespace

std::vector<control::HostSlots> parse_host_slots(const std::string& text) {
  std::vector<control::HostSlots> hosts;
  std::istringstream entries(text + ",");
  for (std::string entry; std::getline(entries, entry, ',');) {
    const auto colon = entry.rfind(':');
    const std::optional<std::uint32_t> num_slots =
        colon == std::string::npos ? std::optional<std::uint32_t>(1) : parse_slots(entry.substr(colon + 1));
    if (!num_slots || entry.substr(0, colon).empty())
      throw UsageError("'" + text + "' is not a list of hosts with slots; expected for example node5:8,node6:8");
    add_host(hosts, {entry.substr(0, colon), *num_slots});
  }
  return hosts;
}

std::vector<control::HostSlots> parse_hostfile(const std::string& text, const std::string& name) {
  std::vector<control::HostSlots> hosts;
  std::istringstream lines(text);
  Place place{name, 0};
  for (std::string line; std::getline(lines, line);) {
    ++place.line;
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    add_host(hosts, parse_line(line, place));
  }
  return hosts;
}

std::vector<control::HostSlots> read_hostfile(const std::string& path) {
  std::ifstream file(path);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored))
    throw UsageError("cannot read host file '" + path + "': no such file, or not readable");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<control::HostSlots> hosts = parse_hostfile(text, path);
  if (hosts.empty()) throw UsageError("host file '" + path + "' names no host");
  return hosts;
}

}  // namespace drover::cli
