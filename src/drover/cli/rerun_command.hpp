// The command line that runs again what failed.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/settings.hpp"

namespace drover::cli {

/// What to type so that drover runs a file of tasks, whose name is to be appended, with the options of
/// this run: by the same mpirun if `by_launcher` and it can be seen from here. The options that only
/// make sense for the run that was are left out, and its output directory is not written to again.
[[nodiscard]] std::string rerun_command(const std::vector<Setting>& settings, bool by_launcher);

}  // namespace drover::cli
