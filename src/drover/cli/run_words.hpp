// The words of `drover run`, by what they are: options, then a command with options of its own, then sources of
// arguments.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/input/argument_sources.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

struct RunWords {
  std::vector<std::string> options;
  std::vector<std::string> command;  ///< as they were given, whatever they look like
  std::vector<ArgumentSource> sources;
};

/// Splits the words behind the subcommand `app`. Its options end at the first word that is neither an option nor the
/// value of one, or behind `--`. `--arg-file`, `--arg-sep` and `--arg-file-sep` are seen to here. Throws UsageError
/// for an option that the subcommand does not have, with what to use instead if GNU parallel has it.
[[nodiscard]] RunWords split_run_words(const CLI::App& app, const std::vector<std::string>& words);

/// Declares, for the help, those options that only the splitting knows what to do with.
void declare_splitting(CLI::App& app);

/// Their long names: the command line alone may have them.
[[nodiscard]] bool is_for_splitting(const std::string& name);

}  // namespace drover::cli
