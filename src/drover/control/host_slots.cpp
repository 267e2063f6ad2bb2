#include "drover/control/host_slots.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "drover/support/error.hpp"

namespace drover::control {

namespace {

constexpr std::uint32_t kMostSlots = 65'536;
/// Of a name in DNS.
constexpr std::size_t kMostNameBytes = 255;
constexpr std::string_view kBlanks = " \t\r\n";
/// With which some editors begin a file.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_in_names(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
}

/// A link-local one names its interface: `fe80::1%eth0`.
bool is_ipv6_address(std::string_view text) {
  const auto zone = text.find('%');
  const bool has_zone = zone != std::string_view::npos;
  const std::string_view interface = has_zone ? text.substr(zone + 1) : "";
  if (has_zone && (interface.empty() || !std::all_of(interface.begin(), interface.end(), is_in_names))) return false;
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(text.substr(0, zone)).c_str(), &address) == 1;
}

std::string_view without_blanks_around(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// What cannot be seen, such as a byte order mark, is shown all the same.
std::string in_quotes(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string shown = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      shown += c;
    else
      shown.append("\\x") += {kDigits[byte / 16], kDigits[byte % 16]};
  }
  return shown + "'";
}

/// From 1 to kMostSlots.
std::uint32_t parse_slots(std::string_view text) {
  std::uint32_t num = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), num);
  const bool is_number = !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!is_number || num == 0 || num > kMostSlots)
    throw UsageError(in_quotes(text) + " is not a number of slots from 1 to " + std::to_string(kMostSlots));
  return num;
}

/// `HOST` or `HOST:SLOTS`.
HostSlots parse_entry(std::string_view entry) {
  const HostAndRest parts = split_host(entry);
  if (!parts.has_rest) return {parts.host, 1};
  if (parts.rest.find(':') != std::string::npos)
    throw UsageError(in_quotes(entry) +
                     " has more than one colon: an IPv6 address is written in brackets, as in "
                     "[fd00::1]:8");
  return {parts.host, parse_slots(parts.rest)};
}

/// A host that is named twice has the slots of both.
void add_host(std::vector<HostSlots>& hosts, HostSlots host) {
  const auto known = std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h.host == host.host; });
  if (known == hosts.end())
    hosts.push_back(std::move(host));
  else
    known->num_slots = std::min(known->num_slots + host.num_slots, kMostSlots);
}

/// `slots = 8` is one setting too.
std::string without_blanks_at_equals(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (kBlanks.find(line[i]) != std::string_view::npos) {
      const auto next = line.find_first_not_of(kBlanks, i);
      if (next == std::string_view::npos || line[next] == '=' || text.ends_with('=')) continue;
    }
    text += line[i];
  }
  return text;
}

/// The first word of a line: there slots are mostly said by slots=N, so that an IPv6 address needs no brackets.
HostSlots parse_host_word(const std::string& word) {
  if (is_ipv6_address(word)) return {word, 1};
  if (word.find('=') != std::string::npos) throw UsageError(in_quotes(word) + " comes before a host");
  return parse_entry(word);
}

HostSlots parse_line(std::string_view line) {
  std::istringstream words(without_blanks_at_equals(line));
  std::string word;
  words >> word;
  HostSlots host = parse_host_word(word);
  std::uint32_t most = kMostSlots;
  while (words >> word) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "slots")
      host.num_slots = parse_slots(value);
    else if (key == "max_slots" || key == "max-slots")
      most = parse_slots(value);
    else
      throw UsageError(in_quotes(word) + " is not a setting of a host; expected slots=N or max_slots=N");
  }
  host.num_slots = std::min(host.num_slots, most);
  return host;
}

}  // namespace

std::string host_name_fault(std::string_view name) {
  const auto at = name.find('@');
  const bool has_user = at != std::string_view::npos;
  const std::string_view host = has_user ? name.substr(at + 1) : name;
  const std::string_view user = has_user ? name.substr(0, at) : "";
  if (host.empty() || (has_user && user.empty())) return in_quotes(name) + " names no host";
  if (name.front() == '-' || host.front() == '-')
    return in_quotes(name) + " is not the name of a host: it begins like an option";
  const auto is_fine = [](std::string_view text) { return std::all_of(text.begin(), text.end(), is_in_names); };
  if (name.size() > kMostNameBytes || !is_fine(user) || (!is_fine(host) && !is_ipv6_address(host)))
    return in_quotes(name) + " is not the name or address of a host";
  return "";
}

HostAndRest split_host(std::string_view text) {
  const auto open = text.find('[');
  const auto close = text.find(']');
  const bool is_bracketed = open != std::string_view::npos && close != std::string_view::npos && open < close &&
                            (open == 0 || text[open - 1] == '@') && text.find(':') > open;
  HostAndRest parts;
  std::string_view after;
  if (is_bracketed) {
    parts.host = std::string(text.substr(0, open)).append(text.substr(open + 1, close - open - 1));
    after = text.substr(close + 1);
    if (!is_ipv6_address(text.substr(open + 1, close - open - 1)) || (!after.empty() && after.front() != ':'))
      throw UsageError(in_quotes(text) + " begins with no IPv6 address in brackets, as in [fd00::1]:8");
  } else {
    parts.host = text.substr(0, text.find(':'));
    after = text.substr(parts.host.size());
  }
  if (const std::string fault = host_name_fault(parts.host); !fault.empty()) throw UsageError(fault);
  parts.has_rest = !after.empty();
  if (parts.has_rest) parts.rest = after.substr(1);
  return parts;
}

std::vector<HostSlots> parse_host_slots(const std::string& text) {
  std::vector<HostSlots> hosts;
  std::istringstream entries(text + ",");
  for (std::string entry; std::getline(entries, entry, ',');) {
    try {
      add_host(hosts, parse_entry(without_blanks_around(entry)));
    } catch (const UsageError& e) {
      throw UsageError(in_quotes(text) + " is not a list of hosts with slots: " + e.what() +
                       "; expected for example node5:8,node6:8");
    }
  }
  return hosts;
}

std::string format_host_slots(const std::vector<HostSlots>& hosts) {
  std::string text;
  for (const HostSlots& host : hosts) {
    const bool is_bracketed = host.host.find(':') != std::string::npos;
    const auto at = host.host.find('@');
    const std::size_t address = at == std::string::npos ? 0 : at + 1;
    std::string name = host.host;
    if (is_bracketed) name = name.substr(0, address) + "[" + name.substr(address) + "]";
    text += (text.empty() ? "" : ",") + name + ":" + std::to_string(host.num_slots);
  }
  return text;
}

std::vector<HostSlots> parse_hostfile(std::string_view text, const std::string& name) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<HostSlots> hosts;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    if (without_blanks_around(line).empty()) continue;
    try {
      add_host(hosts, parse_line(line));
    } catch (const UsageError& e) {
      throw UsageError(name + ":" + std::to_string(number) + ": " + e.what());
    }
  }
  return hosts;
}

std::vector<HostSlots> read_hostfile(const std::string& path) {
  std::ifstream file(path);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored))
    throw UsageError("cannot read host file '" + path + "': no such file, or not readable");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<HostSlots> hosts = parse_hostfile(text, path);
  if (hosts.empty()) throw UsageError("host file '" + path + "' names no host");
  return hosts;
}

}  // namespace drover::control
