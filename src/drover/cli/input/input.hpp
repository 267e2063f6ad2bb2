// What a run is to do: from the words of the command line to a stream of tasks.
//
// Three forms, told apart by open_input():
//   drover run tasks.txt             a task file, one command a line (`-`: stdin)
//   ... | drover run 'gzip {}'       a template, with the records of stdin as arguments
//   drover run 'convert {1} {2}' ::: *.jpg :::: sizes.txt     a template, with sources of arguments
// Not thread-safe; used by the master's only thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input/stdin_spool.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// A source of arguments on the command line: `::: a b c` or one FILE of `:::: FILE...`.
struct ArgumentSource {
  enum class Kind { values, file };
  Kind kind = Kind::values;
  std::vector<std::string> values;  ///< of Kind::values
  std::string path;                 ///< of Kind::file; `-` is stdin

  friend bool operator==(const ArgumentSource&, const ArgumentSource&) = default;
};

struct SplitArguments {
  std::vector<std::string> argv;
  std::vector<ArgumentSource> sources;
};

/// Takes off a command line everything from the first word `:::` or `::::` on, in order. `:::: f g` is two
/// sources, `::: a b` one. A `:::` without values is a source without records, so there will be no task, as
/// a glob that matches nothing would have it. Throws UsageError for `::::` without a file.
[[nodiscard]] SplitArguments split_argument_sources(std::vector<std::string> argv);

struct InputOptions {
  /// What the command line has beside options: the task file, or the words of the template.
  std::vector<std::string> positionals;
  std::vector<ArgumentSource> sources;
  /// Records of task files, stdin and `::::` files end with NUL instead of newline.
  bool null_separated = false;
  /// An extended regular expression that splits each record of a source into several arguments.
  std::optional<std::string> colsep;
  /// How many tasks an earlier part of the input has given.
  std::uint64_t num_before = 0;
  /// Tasks come in another way, too: to be told of none is no mistake.
  bool may_be_absent = false;
  /// Where standard input is kept, if it cannot be read twice; to be opened before the first pull.
  std::shared_ptr<StdinSpool> stdin_spool = nullptr;
};

/// The tasks that `options` stand for. With sources, the positionals joined by spaces are the template.
/// Without, one positional that is `-` or names a file is a task file; positionals with white space or a
/// replacement string are a template for the records of stdin.
///
/// `stdin_fd` stays the caller's and must outlive the result; -1: all there is of standard input is in the spool. The
/// first source is read as a stream, never blocking; the other `::::` files are read here as a whole, which may wait
/// for a slow pipe. Throws UsageError when the options make no sense or a file cannot be opened, Error when reading
/// fails.
[[nodiscard]] std::unique_ptr<runtime::TaskSource> open_input(const InputOptions& options, int stdin_fd);

}  // namespace drover::cli
