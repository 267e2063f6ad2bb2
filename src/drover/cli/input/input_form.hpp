// How input is read and becomes commands, whatever it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "drover/cli/input/argument_reader.hpp"
#include "drover/cli/input/command_template.hpp"

namespace drover::cli {

/// How many arguments one command takes.
struct Packing {
  std::uint32_t max_arguments = 0;  ///< 0: as many as fit
  std::size_t max_bytes = 0;        ///< of the command; one argument is taken also if it is longer
};

struct InputForm {
  /// Ends each record of task files, stdin and `::::` files.
  char delimiter = '\n';
  ArgumentRules arguments;
  TemplateSyntax syntax;
  /// All sources are linked, and the shorter ones begin again.
  bool links_all = false;
  /// nullopt: a command for each combination of arguments.
  std::optional<Packing> packing;
  /// A template of the tags; nullopt: the arguments.
  std::optional<std::string> tagstring;

  /// Whether anything but the delimiter is said, which task files have no use for.
  [[nodiscard]] bool is_for_templates() const;
};

}  // namespace drover::cli
