// The command lines that go on with a run.
#pragma once

#include <filesystem>
#include <string>

#include "drover/cli/program.hpp"

namespace drover::cli {

/// What to type to go on with a run by `option`, `--resume` or `--resume-failed`: by the same mpirun if
/// `by_launcher` and it can be seen from here. `program`: whose run it is; null: drover's own.
[[nodiscard]] std::string resume_command(const std::string& option, const std::filesystem::path& run_dir,
                                         bool by_launcher, const Program* program);

}  // namespace drover::cli
