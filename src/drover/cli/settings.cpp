#include "drover/cli/settings.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "drover/cli/input/shell_quote.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kDefaultFile = "drover.toml";

std::string long_name(const CLI::Option& option) {
  const std::vector<std::string>& names = option.get_lnames();
  return names.empty() ? "" : names.front();
}

/// DROVER_KEEP_ORDER for keep-order.
std::string variable_name(const std::string& name) {
  std::string variable = "DROVER_";
  for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

const char* environment_value(const std::string& variable) {
  // In a task of another run this names that run's directory; it is no wish for ours.
  if (variable == "DROVER_RUN_DIR" && std::getenv("DROVER_TASK_ID") != nullptr) return nullptr;
  return std::getenv(variable.c_str());
}

void set_option(CLI::Option& option, const std::vector<std::string>& values, const std::string& where) {
  try {
    for (const std::string& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::Error& e) {
    throw UsageError(where + ": " + e.what());
  }
}

/// A key of the file with its value and its line.
struct Entry {
  std::vector<std::string> values;
  int line = 0;
};

/// The line where a key is set: the parser does not say.
int line_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    const auto begin = text.find_first_not_of(" \t\"");
    if (begin == std::string::npos || text.compare(begin, key.size(), key) != 0) continue;
    const auto end = text.find_first_not_of(" \t\"", begin + key.size());
    if (end != std::string::npos && text[end] == '=') return line;
  }
  return 0;
}

std::map<std::string, Entry> read_file(const std::string& path, const std::string& section) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw UsageError("'" + path + "' is a directory, not a file of options");
  std::ifstream file(path);
  if (!file) throw UsageError("cannot read the options in '" + path + "': no such file, or not readable");
  std::map<std::string, Entry> entries;
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(file)) {
    if (item.name == "++" || item.name == "--") continue;  // the parser's marks of sections
    const int line = line_of(path, item.name);
    if (!item.parents.empty() && (item.parents.size() > 1 || item.parents.front() != section))
      throw UsageError(path + ":" + std::to_string(line) + ": unknown section [" + item.parents.front() +
                       "]; expected [" + section + "] or none");
    entries[item.name] = {item.inputs, line};
  }
  return entries;
}

}  // namespace

std::vector<Setting> resolve_settings(CLI::App& app, const std::string& config_path) {
  std::error_code error;
  const std::string path = !config_path.empty()                           ? config_path
                           : std::filesystem::exists(kDefaultFile, error) ? kDefaultFile
                                                                          : "";
  std::map<std::string, Entry> entries;
  if (!path.empty()) entries = read_file(path, "run");
  std::vector<Setting> settings;
  for (CLI::Option* option : app.get_options()) {
    const std::string name = long_name(*option);
    if (name.empty() || name == "help" || name == "config") continue;
    Setting setting{name, {}, Setting::Origin::default_value, "", option->get_items_expected_max() == 0};
    const auto entry = entries.extract(name);
    const std::string variable = variable_name(name);
    if (option->count() > 0) {
      setting.origin = Setting::Origin::command_line;
    } else if (const char* value = environment_value(variable); value != nullptr) {
      setting.origin = Setting::Origin::environment;
      setting.where = variable;
      set_option(*option, {value}, variable);
    } else if (entry) {
      setting.origin = Setting::Origin::file;
      setting.where = path + ":" + std::to_string(entry.mapped().line);
      set_option(*option, entry.mapped().values, setting.where);
    }
    if (setting.origin != Setting::Origin::default_value)
      setting.values = option->results();
    else if (!option->get_default_str().empty())
      setting.values = {option->get_default_str()};
    settings.push_back(std::move(setting));
  }
  if (!entries.empty())
    throw UsageError(path + ":" + std::to_string(entries.begin()->second.line) + ": unknown option '" +
                     entries.begin()->first + "'; see 'drover run --help'");
  return settings;
}

std::string describe_origin(const Setting& setting) {
  switch (setting.origin) {
    case Setting::Origin::command_line:
      return "command line";
    case Setting::Origin::environment:
      return "environment: " + setting.where;
    case Setting::Origin::file:
      return setting.where;
    case Setting::Origin::default_value:
      return "default";
  }
  return "";
}

std::string command_line_options(const std::vector<Setting>& settings) {
  std::string line;
  for (const Setting& setting : settings) {
    if (setting.origin != Setting::Origin::command_line) continue;
    if (setting.is_flag) {
      line += " --" + setting.name;
      continue;
    }
    for (const std::string& value : setting.values) line += " --" + setting.name + " " + shell_quote(value);
  }
  return line;
}

}  // namespace drover::cli
