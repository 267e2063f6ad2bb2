// Standard input, output and error, as they were given to this process or to its launcher.
#pragma once

#include <vector>

#include "drover/support/unique_fd.hpp"

namespace drover::cli {

using LauncherStreams = std::vector<support::UniqueFd>;

/// Puts in place of each standard stream that is closed one on which every operation fails, so that
/// no other file gets its number. To be called before anything else opens a file.
void open_closed_streams();

/// Throws Error when standard output has not taken all that was printed there.
void check_printed();

/// Under a launcher on this host (mpirun), puts its terminal and pipes in place of those by which it
/// would pass on what this process prints: so there can be a progress line, and the end of a pipe is
/// noticed here, where mpirun would crash. Regular files, and a launcher that was asked to tag or
/// redirect outputs, are left alone. A terminal as standard input is taken over only to be recognised.
/// Returns what was replaced, to be kept until this process ends: its end would be taken for ours, and
/// mpirun would close standard input.
[[nodiscard]] LauncherStreams adopt_launcher_streams();

}  // namespace drover::cli
