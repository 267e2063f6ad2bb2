// The command line that runs again what failed.
#pragma once

#include <filesystem>
#include <string>

namespace drover::cli {

/// What to type so that the tasks of a run that failed are executed again, as its options say: by the
/// same mpirun if `by_launcher` and it can be seen from here.
[[nodiscard]] std::string rerun_command(const std::filesystem::path& run_dir, bool by_launcher);

}  // namespace drover::cli
