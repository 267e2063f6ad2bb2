// Where the arguments of a template come from: the words behind the command.
#pragma once

#include <string>
#include <vector>

namespace drover::cli {

/// A source of arguments on the command line: `::: a b c` or one FILE of `:::: FILE...`.
struct ArgumentSource {
  enum class Kind { values, file };
  Kind kind = Kind::values;
  std::vector<std::string> values;  ///< of Kind::values
  std::string path;                 ///< of Kind::file; `-` is stdin
  bool is_linked = false;           ///< `:::+`: its arguments go along with those of the source before it

  friend bool operator==(const ArgumentSource&, const ArgumentSource&) = default;
};

/// The words that begin a source; with a `+` behind, a linked one.
struct SourceMarks {
  std::string values = ":::";
  std::string files = "::::";

  /// Whether a word is one of the four.
  [[nodiscard]] bool is_mark(const std::string& word) const;
};

struct SplitArguments {
  std::vector<std::string> argv;
  std::vector<ArgumentSource> sources;
};

/// Takes off a command line everything from the first mark on, in order. `:::: f g` is two sources, `::: a b` one. A
/// lone `:::` without values stands for standard input, among other sources for one empty argument, as with GNU
/// parallel. Throws UsageError for `::::` without a file, and when the first source is linked.
[[nodiscard]] SplitArguments split_argument_sources(std::vector<std::string> argv, const SourceMarks& marks = {});

}  // namespace drover::cli
