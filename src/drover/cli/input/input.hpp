// What a run is to do: from the words of the command line to a stream of tasks.
//
// Three forms, told apart by open_input():
//   drover run tasks.txt             a task file, one command a line (`-`, or nothing: stdin)
//   ... | drover run gzip -9         a template, with the records of stdin as arguments
//   drover run 'convert {1} {2}' ::: *.jpg :::: sizes.txt     a template, with sources of arguments
//   drover run ::: 'make a' 'make b' ...                      arguments that are commands
// Not thread-safe; used by the master's only thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input/argument_sources.hpp"
#include "drover/cli/input/input_form.hpp"
#include "drover/cli/input/stdin_spool.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

struct InputOptions {
  /// The command line's words beside options: the task file, or the words of the template.
  std::vector<std::string> words;
  std::vector<ArgumentSource> sources;
  InputForm form;
  /// How many tasks an earlier part of the input has given.
  std::uint64_t num_before = 0;
  /// Tasks come in another way, too: to be told of none is no mistake.
  bool may_be_absent = false;
  /// Where standard input is kept, if it cannot be read twice; to be opened before the first pull.
  std::shared_ptr<StdinSpool> stdin_spool = nullptr;
};

/// Whether these words leave it to standard input what is done: with which arguments, or altogether.
[[nodiscard]] bool reads_stdin(const std::vector<std::string>& words, const std::vector<ArgumentSource>& sources);

/// The tasks that `options` stand for. With sources, the words joined by spaces are the template, and without words
/// the arguments are commands. Without sources, one word that is `-` or names a file that is no program is a task file,
/// no word means that standard input is one, and other words are a template for the records of standard input.
///
/// `stdin_fd` stays the caller's and must outlive the result; -1: all there is of standard input is in the spool. The
/// first source is read as a stream, never blocking; the other `::::` files are read here as a whole, which may wait
/// for a slow pipe. Throws UsageError when the options make no sense or a file cannot be opened, Error when reading
/// fails.
[[nodiscard]] std::unique_ptr<runtime::TaskSource> open_input(const InputOptions& options, int stdin_fd);

}  // namespace drover::cli
