#include "drover/cli/settings.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "drover/cli/options_file.hpp"
#include "drover/cli/run_words.hpp"
#include "drover/support/error.hpp"
#include "drover/support/other_users.hpp"

namespace drover::cli {

namespace {

constexpr const char* kDefaultFile = "drover.toml";
constexpr const char* kSection = "run";
constexpr const char* kVariablePrefix = "DROVER_";
/// What a task of drover sees, or its own processes tell each other: no options.
constexpr auto kTaskVariables = std::to_array<const char*>(
    {"DROVER_RUN_ID", "DROVER_TASK_ID", "DROVER_TASK_ATTEMPT", "DROVER_SLOT", "DROVER_GROUP", "DROVER_RANK",
     "DROVER_NODE", "DROVER_RUN_DIR", "DROVER_SUPERVISOR", "DROVER_OPEN_FILES"});

std::string long_name(const CLI::Option& option) {
  const std::vector<std::string>& names = option.get_lnames();
  return names.empty() ? "" : names.front();
}

/// DROVER_KEEP_ORDER for keep-order.
std::string variable_name(const std::string& name) {
  std::string variable = kVariablePrefix;
  for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

/// The value of a variable; null when it is not set, or empty.
const char* environment_value(const std::string& variable) {
  // In a task of another run this names that run's directory; it is no wish for ours.
  if (variable == "DROVER_RUN_DIR" && std::getenv("DROVER_TASK_ID") != nullptr) return nullptr;
  const char* value = std::getenv(variable.c_str());
  return value != nullptr && *value != '\0' ? value : nullptr;
}

void set_option(CLI::Option& option, const std::vector<std::string>& values, const std::string& where) {
  try {
    for (const std::string& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::ConversionError& e) {
    if (option.get_items_expected_max() > 0) throw UsageError(where + ": " + e.what());
    throw UsageError(where + ": '" + values.front() + "' is neither true nor false");
  } catch (const CLI::Error& e) {
    throw UsageError(where + ": " + e.what());
  } catch (const UsageError& e) {
    throw UsageError(where + ": " + e.what());
  }
}

std::vector<FileOption> read_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw UsageError("'" + path + "' is a directory, not a file of options");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError(system_error("cannot read the options in '" + path + "'", errno).what());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_options_file(text, path, kSection);
}

/// Options can have drover execute anything: those of a file that nobody named must be the user's own.
void check_is_trusted(const std::string& path) {
  const std::string hands = support::other_hands_on(path);
  if (hands.empty()) return;
  const std::string whole = std::filesystem::absolute(path).string();
  throw UsageError("'" + whole + "' " + hands + ", and is not obeyed unasked: to obey it, say --config " + path +
                   "; to go without it, --config /dev/null");
}

/// The file to read; empty: none. Its name is an option too.
std::string file_path(const CLI::App& app) {
  const CLI::Option* option = app.get_option("--config");
  if (option->count() > 0) return option->as<std::string>();
  if (const char* value = environment_value(variable_name("config")); value != nullptr) return value;
  std::error_code error;
  if (!std::filesystem::exists(kDefaultFile, error)) return "";
  check_is_trusted(kDefaultFile);
  return kDefaultFile;
}

/// Whether the environment has a value for it, which then holds.
bool set_from_environment(CLI::Option& option, const std::string& variable) {
  const char* value = environment_value(variable);
  if (value != nullptr) set_option(option, {value}, variable);
  return value != nullptr;
}

void set_from_outside(CLI::Option& option, Setting& setting, const std::vector<FileOption>& file,
                      const std::string& path) {
  if (set_from_environment(option, variable_name(setting.name))) {
    setting.origin = Setting::Origin::environment;
    setting.where = variable_name(setting.name);
    return;
  }
  const auto in_file = std::find_if(file.begin(), file.end(),
                                    [&setting](const FileOption& entry) { return entry.name == setting.name; });
  if (in_file == file.end()) return;
  setting.origin = Setting::Origin::file;
  setting.where = path + ":" + std::to_string(in_file->line);
  set_option(option, in_file->values, setting.where);
}

/// As it would be written in a file.
std::vector<std::string> effective_values(const CLI::Option& option, const Setting& setting) {
  if (setting.origin == Setting::Origin::default_value) {
    if (setting.is_flag) return {"false"};
    return option.get_default_str().empty() ? std::vector<std::string>{} : std::vector{option.get_default_str()};
  }
  if (setting.is_flag) return {option.as<bool>() ? "true" : "false"};
  return option.results();
}

void check_names(const std::vector<FileOption>& file, const std::vector<Setting>& settings, const std::string& path) {
  for (const FileOption& entry : file)
    if (std::none_of(settings.begin(), settings.end(),
                     [&entry](const Setting& setting) { return setting.name == entry.name; }))
      throw UsageError(path + ":" + std::to_string(entry.line) + ": unknown option '" + entry.name +
                       "'; see 'drover run --help'");
}

}  // namespace

std::vector<Setting> resolve_settings(CLI::App& app) {
  const std::string path = file_path(app);
  const std::vector<FileOption> file = path.empty() ? std::vector<FileOption>{} : read_file(path);
  std::vector<Setting> settings;
  for (CLI::Option* option : app.get_options()) {
    const std::string name = long_name(*option);
    const bool is_hidden = option->get_group().empty();  // for drover's own use
    if (name.empty() || name == "help" || name == "config" || is_hidden || is_for_splitting(name)) continue;
    Setting setting{name, {}, Setting::Origin::default_value, "", option->get_items_expected_max() == 0};
    if (option->count() > 0)
      setting.origin = Setting::Origin::command_line;
    else
      set_from_outside(*option, setting, file, path);
    setting.values = effective_values(*option, setting);
    settings.push_back(std::move(setting));
  }
  check_names(file, settings, path);
  return settings;
}

void take_environment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string name = long_name(*option);
    if (option->count() > 0 || name == "help" || !option->get_envname().empty()) continue;
    set_from_environment(*option, variable_name(name));
  }
}

std::vector<std::string> unknown_variables(const std::vector<Setting>& settings) {
  std::set<std::string, std::less<>> known{kTaskVariables.begin(), kTaskVariables.end()};
  known.insert(variable_name("config"));
  for (const Setting& setting : settings) known.insert(variable_name(setting.name));
  std::vector<std::string> unknown;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with(kVariablePrefix) && !known.contains(name)) unknown.emplace_back(name);
  }
  return unknown;
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

}  // namespace drover::cli
