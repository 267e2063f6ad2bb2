// The command line: which subcommand, with which options.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/program.hpp"

namespace drover::cli {

/// Runs drover with the arguments that follow its name, and returns its exit status. Prints what is
/// wrong with them on stderr, once for all ranks. `program`: the one that drover is part of, if any,
/// for its workers.
[[nodiscard]] int run_app(const std::vector<std::string>& args, const Program* program = nullptr);

}  // namespace drover::cli
