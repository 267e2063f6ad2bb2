// Where options come from: the command line before the environment before a file before defaults.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace drover::cli {

/// The effective value of an option, and who set it.
struct Setting {
  enum class Origin { command_line, environment, file, default_value };
  std::string name;                 ///< the long name, without dashes
  std::vector<std::string> values;  ///< of a flag: true or false; none: it has no default
  Origin origin = Origin::default_value;
  std::string where;  ///< "DROVER_SLOTS", or "drover.toml:3"
  bool is_flag = false;
};

/// Completes a parsed subcommand: an option that the command line did not set is taken from
/// `DROVER_<NAME>`, or else from the file: that of --config, or of DROVER_CONFIG, or ./drover.toml if
/// it exists; that must be the user's own or root's. An empty variable counts as not set. Throws UsageError naming
/// variable or file and line for what is unknown or impossible.
[[nodiscard]] std::vector<Setting> resolve_settings(CLI::App& app);

/// Completes a parsed subcommand that reads no file: an option that the command line did not set is taken
/// from `DROVER_<NAME>`, unless it names a variable of its own. Throws UsageError naming the variable.
void take_environment(CLI::App& app);

/// Variables of the environment that look like options and are none: misspelt, or of another version.
[[nodiscard]] std::vector<std::string> unknown_variables(const std::vector<Setting>& settings);

/// "command line", "environment: DROVER_SLOTS", "drover.toml:3", "default".
[[nodiscard]] std::string describe_origin(const Setting& setting);

}  // namespace drover::cli
