// The shell whose language a user's commands are written in.
#pragma once

#include <string>
#include <vector>

namespace drover::cli {

/// What PARALLEL_SHELL names; else the nearest process that this one was started from, if it is bash, zsh, ksh or
/// dash; else /bin/sh. A path, or a name to be looked for in PATH.
[[nodiscard]] std::string caller_shell();

/// The functions that bash has exported into this environment, as `NAME=VALUE`: for commands on hosts that do not
/// have this environment.
[[nodiscard]] std::vector<std::string> exported_functions();

}  // namespace drover::cli
