// drover.toml: options as `name = value`, in the part of TOML that options need.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::cli {

/// `name = value` or `name = [value, ...]`.
struct FileOption {
  std::string name;
  std::vector<std::string> values;  ///< strings without their quotes, numbers and booleans as written
  int line = 0;
};

/// Reads TOML (https://toml.io/en/v1.0.0) restricted to what options can be: keys of one part, values
/// that are strings of one line, integers, floats, booleans, or arrays of these; at top level or in
/// the section `section`. CLI11's own reader would split strings at commas and spaces. `path` is for
/// messages. Throws UsageError naming it and the line.
[[nodiscard]] std::vector<FileOption> parse_options_file(std::string_view text, const std::string& path,
                                                         std::string_view section);

}  // namespace drover::cli
