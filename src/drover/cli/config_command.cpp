#include "drover/cli/config_command.hpp"

#include <array>
#include <cstdio>
#include <string>

#include "drover/cli/standard_streams.hpp"

namespace drover::cli {

namespace {

std::string quoted(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      text += escape.data();
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

/// Numbers and booleans stand for themselves.
std::string toml_value(const std::string& value) {
  const bool is_number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  return is_number || value == "true" || value == "false" ? value : quoted(value);
}

std::string toml_values(const Setting& setting) {
  if (setting.values.size() == 1) return toml_value(setting.values.front());
  std::string list;
  for (const std::string& value : setting.values) list += (list.empty() ? "" : ", ") + toml_value(value);
  return "[" + list + "]";
}

}  // namespace

void print_config(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    // One without a value is off: written as a comment, so that the output is a valid file of options.
    const std::string line =
        (setting.values.empty() ? "# " + setting.name : setting.name + " = " + toml_values(setting));
    std::printf("%-44s # %s\n", line.c_str(), describe_origin(setting).c_str());
  }
  for (const std::string& variable : unknown_variables(settings))
    std::printf("# %s is set in the environment and is no option\n", variable.c_str());
  check_printed();
}

}  // namespace drover::cli
