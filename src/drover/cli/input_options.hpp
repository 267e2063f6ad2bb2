// The options that say how input is read and becomes commands, spelled as GNU parallel has them.
#pragma once

#include <optional>
#include <string>

#include "drover/cli/input/input.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

/// As they are given; form_of() makes sense of them together.
struct InputFormOptions {
  bool is_null_separated = false;
  std::string delimiter;
  std::optional<std::string> colsep;
  std::string trim;
  std::optional<std::string> end_mark;
  bool skips_blank = false;
  std::string header;
  bool links_all = false;
  std::string replacement = "{}";
  bool is_quoted = false;
  std::uint32_t max_args = 0;
  std::uint32_t max_replace_args = 0;
  std::uint32_t max_lines = 0;
  std::size_t max_chars = 0;
  bool has_many_repeated = false;
  bool has_many_joined = false;
  std::optional<std::string> tagstring;
};

void declare_input_form(CLI::App& app, InputFormOptions& options);

/// Throws UsageError naming the option that makes no sense.
[[nodiscard]] InputForm form_of(const InputFormOptions& options);

}  // namespace drover::cli
