#include "drover/support/duration.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::support {

namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array<Unit, 7> kUnits{
    {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};

[[noreturn]] void reject(std::string_view text) {
  throw UsageError("'" + std::string(text) +
                   "' is not a duration; expected for example 30, 1.5s, 200ms, 5m, 1h30m or 2d");
}

double unit_seconds(std::string_view name, std::string_view whole) {
  for (const Unit& unit : kUnits)
    if (unit.name == name) return unit.seconds;
  reject(whole);
}

}  // namespace

std::chrono::nanoseconds parse_duration(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789.";
  double seconds = 0;
  if (text.empty()) reject(text);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string number(rest.substr(0, rest.find_first_not_of(kDigits)));
    if (number.empty()) reject(text);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (*end != '\0') reject(text);
    rest.remove_prefix(number.size());
    const std::string_view unit = rest.substr(0, rest.find_first_of(kDigits));
    rest.remove_prefix(unit.size());
    if (unit.empty() && number.size() != text.size()) reject(text);
    seconds += value * (unit.empty() ? 1.0 : unit_seconds(unit, text));
  }
  if (!(seconds <= std::chrono::duration<double>(kLongestDuration).count()))
    throw UsageError("'" + std::string(text) + "' is too long a duration; the longest is " +
                     exact_duration(kLongestDuration));
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

std::string exact_duration(std::chrono::nanoseconds duration) {
  using namespace std::chrono_literals;
  constexpr std::array<std::pair<std::chrono::nanoseconds, const char*>, 3> kWhole{
      {{24h, "d"}, {1h, "h"}, {1min, "m"}}};
  constexpr std::array<std::pair<std::chrono::nanoseconds, const char*>, 3> kBelow{
      {{1ms, "ms"}, {1us, "us"}, {1ns, "ns"}}};
  if (duration == 0ns) return "0";
  for (const auto& [unit, name] : kBelow)
    if (duration < 1s && duration % unit == 0ns) return std::to_string(duration / unit) + name;
  std::string text;
  for (const auto& [unit, name] : kWhole) {
    if (duration >= unit) text += std::to_string(duration / unit) + name;
    duration %= unit;
  }
  if (duration == 0ns) return text;
  text += std::to_string(duration / 1s);
  if (duration % 1s > 0ns) {
    const std::string fraction = std::to_string((duration % 1s).count() + 1'000'000'000).substr(1);
    text += "." + fraction.substr(0, fraction.find_last_not_of('0') + 1);
  }
  return text + "s";
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  std::array<char, 48> out{};
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (seconds < 0.9995)
    std::snprintf(out.data(), out.size(), "%.0fms", seconds * 1e3);
  else if (seconds < 59.95)
    std::snprintf(out.data(), out.size(), "%.1fs", seconds);
  else if (whole < 3600)
    std::snprintf(out.data(), out.size(), "%lldm%02llds", whole / 60, whole % 60);
  else if (whole < 86400)
    std::snprintf(out.data(), out.size(), "%lldh%02lldm", whole / 3600, whole % 3600 / 60);
  else
    std::snprintf(out.data(), out.size(), "%lldd%02lldh", whole / 86400, whole % 86400 / 3600);
  return out.data();
}

}  // namespace drover::support
