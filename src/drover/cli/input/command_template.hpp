// Command templates with GNU parallel's replacement strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::cli {

/// A template, read once and expanded often. `{}` is all arguments, `{3}` the third, `{-1}` the last;
/// before the brace closes, `.` removes the extension, `/` the directory, `//` leaves the directory,
/// `/.` the base name without extension. `{#}` is the task's number, `{%}` the job slot, which is left
/// to the worker (TaskSpec::slot_marks). Any other braces are text. Arguments are quoted.
class CommandTemplate {
 public:
  /// If nothing in it stands for an argument, ` {}` is appended. Throws UsageError when empty.
  explicit CommandTemplate(const std::string& text);

  /// The highest position, from either end, that it refers to; 0 when to none.
  [[nodiscard]] std::uint32_t highest_position() const;

  /// The task with these arguments; a position without an argument is replaced by nothing.
  [[nodiscard]] core::TaskSpec expand(const std::vector<std::string>& arguments, std::uint64_t number) const;

 private:
  enum class Kind : std::uint8_t { text, argument, number, slot };
  enum class Form : std::uint8_t { whole, no_extension, base_name, directory, base_name_no_extension };
  struct Part {
    Kind kind = Kind::text;
    std::string text;
    std::int32_t position = 0;  ///< 0: all arguments
    Form form = Form::whole;
  };

  static bool parse_braces(std::string_view inside, Part& part);
  void add_text(std::string_view text);
  static std::string_view formed(std::string_view argument, Form form);
  static void append_argument(std::string& command, const Part& part, const std::vector<std::string>& arguments);

  std::vector<Part> parts_;
};

}  // namespace drover::cli
