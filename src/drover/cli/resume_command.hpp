// The command lines that go on with a run.
#pragma once

#include <filesystem>
#include <string>

namespace drover::cli {

/// What to type to go on with a run by `option`, `--resume` or `--resume-failed`: by the same mpirun if
/// `by_launcher` and it can be seen from here.
[[nodiscard]] std::string resume_command(const std::string& option, const std::filesystem::path& run_dir,
                                         bool by_launcher);

}  // namespace drover::cli
