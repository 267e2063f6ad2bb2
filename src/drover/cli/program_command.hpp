// drover as the engine of a program: its arguments are the options of `drover run` and the program's.
#pragma once

#include <string>
#include <vector>

#include "drover/cli/program.hpp"
#include "drover/cli/run_command.hpp"

namespace drover::cli {

struct ProgramArguments {
  RunInvocation invocation;
  /// What is not drover's, in order.
  std::vector<std::string> rest;
};

/// Takes drover's options out of a program's arguments, up to `--`, and completes them from the
/// environment and drover.toml, and for a run that is taken up again from there. Throws Error.
[[nodiscard]] ProgramArguments parse_program_arguments(const std::vector<std::string>& args);

/// Runs the program in the role that this process has, and returns its exit status. Prints what goes
/// wrong.
[[nodiscard]] int run_program(RunInvocation& invocation, const Program& program);

}  // namespace drover::cli
