// A run at a glance.
#pragma once

#include <string>

#include "drover/control/replies.hpp"

namespace drover::cli {

/// Several lines for people, each with its newline. `with_workers`: a table of all ranks too.
[[nodiscard]] std::string format_status(const control::reply::Status& status, bool with_workers);

}  // namespace drover::cli
