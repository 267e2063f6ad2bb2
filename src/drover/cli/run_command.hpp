// `drover run`: in the role that this process has: the supervisor on the user's terminal, the
// master, or a worker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input/input.hpp"
#include "drover/cli/program.hpp"
#include "drover/cli/run_options.hpp"
#include "drover/cli/settings.hpp"
#include "drover/journal/run_description.hpp"

namespace drover::cli {

/// How `drover run` was called.
struct RunInvocation {
  RunOptions options;
  std::vector<ArgumentSource> sources;
  std::vector<Setting> settings;
  /// All arguments of the program, as they were given.
  std::vector<std::string> args;
  /// The run that is to be taken up again, if one is.
  std::optional<journal::RunDescription> resumed;
  /// Null: a batch of commands.
  const Program* program = nullptr;
};

/// Whether somebody has said how many slots a worker is to have; else it has those of its host.
[[nodiscard]] bool are_slots_given(const RunInvocation& invocation);
/// Whether that is among the arguments of the call: ranks elsewhere have neither its environment nor its files.
[[nodiscard]] bool are_slots_in_args(const RunInvocation& invocation);

/// Returns the exit status. Throws drover::Error for what is known before any work starts.
[[nodiscard]] int run(RunInvocation invocation);

}  // namespace drover::cli
