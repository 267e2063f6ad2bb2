// What becomes of GNU parallel's options here: for those who type them, and for `drover help parallel`.
#pragma once

#include <string>

namespace drover::cli {

/// "unknown option '--pipe': ..." with what to use instead, if GNU parallel knows the option. `name` has its dashes.
[[nodiscard]] std::string unknown_option(const std::string& name);

/// A table: each option of GNU parallel, and whether it is the same here, spelled otherwise, or absent.
[[nodiscard]] std::string parallel_table();

}  // namespace drover::cli
