// How many descriptors a process may have open.
#pragma once

#include <cstdint>
#include <optional>

namespace drover::support {

/// Raises this process's limit as far as it goes and is of use: drover needs a few descriptors for each command and
/// each worker, whatever its user's shell allows. What is started from here inherits it, and learns from the
/// environment what the user had. Before threads are started.
void raise_open_files();

/// The soft limit that the user had, where it was raised here or by the process that started this one.
[[nodiscard]] std::optional<std::uint64_t> users_open_files();

}  // namespace drover::support
