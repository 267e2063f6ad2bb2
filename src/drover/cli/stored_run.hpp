// What a run keeps of how it was called, so that it can be taken up again from its directory alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input/input.hpp"
#include "drover/cli/run_options.hpp"
#include "drover/cli/settings.hpp"
#include "drover/journal/run_description.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

/// Where the tasks of a run come from.
struct StoredInput {
  std::vector<std::string> words;
  std::vector<ArgumentSource> sources;
  /// The file that was standard input; empty: none, or no file.
  std::string stdin_path;
  /// Whether all of it can be read again from the beginning: there is no pipe in it.
  bool can_be_read_again = true;
  /// What cannot is standard input, read as a stream: the run keeps it (StdinSpool).
  bool is_spooled = false;

  friend bool operator==(const StoredInput&, const StoredInput&) = default;
};

/// The input of this call, with absolute paths.
[[nodiscard]] StoredInput stored_input(const std::vector<std::string>& words,
                                       const std::vector<ArgumentSource>& sources, int stdin_fd);

[[nodiscard]] std::string encode_input(const StoredInput& input);
/// Throws Error if `text` is not what encode_input() makes.
[[nodiscard]] StoredInput decode_input(const std::string& text);

/// The options that somebody set, but for those that say which run is meant. Relative paths become
/// absolute.
[[nodiscard]] std::vector<journal::StoredOption> storable_options(const std::vector<Setting>& settings);

/// Sets the options that the command line did not set to what the run was started with.
void apply_stored_options(CLI::App& app, const std::vector<journal::StoredOption>& stored);

/// For --continue: if the run directory has a run, it is that which is to be taken up again, and the input
/// is its own. Throws UsageError if it was started with another.
void continue_if_begun(RunOptions& options, std::vector<ArgumentSource>& sources);

/// The run that is to be taken up again, if one is, whose options hold unless the command line has others. A worker
/// that cannot read it needs none of them but its slots, which the command line may give. Throws Error elsewhere.
[[nodiscard]] std::optional<journal::RunDescription> take_over_options(CLI::App& app, const RunOptions& options);

/// The run that the options want taken up again, if they do. Throws Error if it cannot be read.
[[nodiscard]] std::optional<journal::RunDescription> read_resumed_run(const RunOptions& options);

}  // namespace drover::cli
