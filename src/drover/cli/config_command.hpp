// `drover config`: what a run would be told, and by whom.
#pragma once

#include <vector>

#include "drover/cli/settings.hpp"

namespace drover::cli {

/// Prints the settings as a TOML file with the origin of each in a comment. Throws
/// Error when standard output does not take them.
void print_config(const std::vector<Setting>& settings);

}  // namespace drover::cli
