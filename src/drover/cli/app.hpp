// The command line: which subcommand, with which options.
#pragma once

#include <string>
#include <vector>

namespace drover::cli {

/// Runs drover with the arguments that follow its name, and returns its exit status. Prints what is
/// wrong with them on stderr, once for all ranks.
[[nodiscard]] int run_app(const std::vector<std::string>& args);

}  // namespace drover::cli
