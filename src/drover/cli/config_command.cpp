#include "drover/cli/config_command.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

namespace drover::cli {

namespace {

std::string quoted(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
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
  if (setting.is_flag) return setting.values.empty() || setting.values.back() == "false" ? "false" : "true";
  if (setting.values.size() == 1) return toml_value(setting.values.front());
  std::string list;
  for (const std::string& value : setting.values) list += (list.empty() ? "" : ", ") + toml_value(value);
  return "[" + list + "]";
}

}  // namespace

int print_config(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    // One without a value is off: written as a comment, so that the output is a valid file of options.
    const bool is_unset = setting.values.empty() && !setting.is_flag;
    const std::string line = (is_unset ? "# " + setting.name : setting.name + " = " + toml_values(setting));
    std::printf("%-44s # %s\n", line.c_str(), describe_origin(setting).c_str());
  }
  return 0;
}

}  // namespace drover::cli
