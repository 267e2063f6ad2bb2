// Where the program that runs is.
#pragma once

#include <string>

namespace drover::support {

/// The path of this process's program.
[[nodiscard]] std::string own_program();

}  // namespace drover::support
