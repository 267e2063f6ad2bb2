// Command templates with GNU parallel's replacement strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::cli {

/// How several arguments of one command take the place of `{}` in a word.
enum class ManyArguments {
  joined,    ///< `pre{}post` is `pre1 2post`
  repeated,  ///< `pre{}post` is `pre1post pre2post`
};

/// How a template is to be read.
struct TemplateSyntax {
  /// What stands for all arguments, usually `{}`. (`{.}` and its like stay as they are.)
  std::string replacement = "{}";
  /// The words of the command are quoted for the shell, so that it sees each as it is here.
  bool is_quoted = false;
  ManyArguments many = ManyArguments::joined;
  /// A template that nothing is replaced in gets ` {}` appended.
  bool appends_arguments = true;
  /// Names of the arguments, in order, as `{name}`, `{name.}`; empty: they have none.
  std::vector<std::string> names;
};

/// A template, read once and expanded often. `{}` is all arguments, `{3}` the third, `{-1}` the last;
/// before the brace closes, `.` removes the extension, `/` the directory, `//` leaves the directory,
/// `/.` the base name without extension. `{#}` is the task's number, `{%}` the job slot, which is left
/// to the worker (TaskSpec::slot_marks). Any other braces are text. Arguments are quoted, unless the
/// template begins with one of them: then they are parts of a command, as with GNU parallel.
class CommandTemplate {
 public:
  /// `words` are joined by spaces. Without words the arguments are the command. Throws UsageError for `{= =}`, and for
  /// words that are only blanks.
  explicit CommandTemplate(const std::vector<std::string>& words, TemplateSyntax syntax = {});

  /// The highest position, from either end, that it refers to; 0 when to none.
  [[nodiscard]] std::uint32_t highest_position() const;

  /// The task with these arguments; a position without an argument is replaced by nothing. Its tag are the arguments,
  /// between spaces.
  [[nodiscard]] core::TaskSpec expand(const std::vector<std::string>& arguments, std::uint64_t number) const;

  /// The text alone, as for a tag: nothing is quoted, and `{%}` is left out.
  [[nodiscard]] std::string expand_text(const std::vector<std::string>& arguments, std::uint64_t number) const;

 private:
  enum class Kind : std::uint8_t { text, blank, argument, number, slot };
  enum class Form : std::uint8_t { whole, no_extension, base_name, directory, base_name_no_extension };
  struct Part {
    Kind kind = Kind::text;
    std::string text;
    std::int32_t position = 0;  ///< 0: all arguments
    Form form = Form::whole;
  };
  /// What one expansion has and makes.
  struct Expansion;

  void parse(std::string_view word);
  [[nodiscard]] std::size_t parse_replacement(std::string_view text, Part& part) const;
  [[nodiscard]] bool parse_braces(std::string_view inside, Part& part) const;
  [[nodiscard]] bool parse_position(std::string_view& inside, Part& part) const;
  void add_text(std::string_view text);
  void add_blank();
  static std::string_view formed(std::string_view argument, Form form);
  void expand_word(std::size_t begin, std::size_t end, Expansion& expansion) const;
  void expand_part(const Part& part, Expansion& expansion) const;
  void run(Expansion& expansion) const;

  TemplateSyntax syntax_;
  std::vector<Part> parts_;
  bool quotes_arguments_ = true;
};

}  // namespace drover::cli
