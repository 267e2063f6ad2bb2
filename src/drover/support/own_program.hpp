// Where the program that runs is.
#pragma once

#include <string>

namespace drover::support {

/// The path of this process's program at the time of the first call, which belongs at its start: whatever takes that
/// place later, as in an upgrade, is the program then.
[[nodiscard]] const std::string& own_program();

}  // namespace drover::support
