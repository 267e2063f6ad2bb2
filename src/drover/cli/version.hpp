// Which drover this is, and on what it stands.
#pragma once

#include <string>

namespace drover::cli {

/// drover's own version; every rank of a run must have the same.
[[nodiscard]] std::string version();

/// For `drover --version`: the versions of drover, MPI and libraries, and what loss of ranks this
/// start of MPI survives.
[[nodiscard]] std::string version_text();

}  // namespace drover::cli
