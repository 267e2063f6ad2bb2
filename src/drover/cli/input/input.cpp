#include "drover/cli/input/input.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "drover/cli/input/record_reader.hpp"
#include "drover/cli/input/resumed_input.hpp"
#include "drover/cli/input/task_file_source.hpp"
#include "drover/cli/input/template_source.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kStdin = "-";
/// Commands of every shell, that no PATH has.
constexpr auto kBuiltins = std::to_array<std::string_view>(
    {".", ":", "cd", "command", "eval", "exec", "exit", "export", "set", "source", "test", "type", "ulimit", "umask"});

bool is_regular(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

bool can_be_executed(const std::string& path) {
  return is_regular(path) && ::access(path.c_str(), X_OK) == 0;
}

/// Whether a file is a program rather than a list of commands. A script that has drover itself as its
/// interpreter is such a list.
bool is_program(const std::string& path) {
  if (!can_be_executed(path)) return false;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  std::getline(file, line);
  return line.starts_with(
             "\x7f"
             "ELF") ||
         (line.starts_with("#!") && line.find("drover") == std::string::npos);
}

bool is_list(const std::string& word) {
  return is_regular(word) && !is_program(word);
}

/// Whether a shell would find it: by PATH, among its own commands or among the functions that bash exports.
bool is_command(const std::string& word) {
  if (word.find('/') != std::string::npos) return can_be_executed(word);
  if (std::find(kBuiltins.begin(), kBuiltins.end(), word) != kBuiltins.end()) return true;
  if (std::getenv(("BASH_FUNC_" + word + "%%").c_str()) != nullptr) return true;
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');)
    if (can_be_executed((directory.empty() ? "." : directory) + "/" + word)) return true;
  return false;
}

/// The one word is a task file, or meant to be one.
bool is_task_file(const std::vector<std::string>& words) {
  return words.size() == 1 && (words.front() == kStdin || (exists(words.front()) && !is_program(words.front())));
}

RecordReader open_reader(const std::string& path, const InputOptions& options, int stdin_fd, bool is_first) {
  if (path != kStdin) return {path, options.form.delimiter};
  if (::isatty(stdin_fd) == 1)
    throw UsageError("standard input is a terminal: give a file, ::: VALUES, or pipe something in");
  return {stdin_fd, "standard input", options.form.delimiter, is_first ? options.stdin_spool : nullptr};
}

ArgumentReader open_source(const ArgumentSource& source, const InputOptions& options, int stdin_fd, bool is_first) {
  if (source.kind == ArgumentSource::Kind::values) return {source.values, options.form.arguments};
  return {open_reader(source.path, options, stdin_fd, is_first), options.form.arguments};
}

void check_sources(const std::vector<ArgumentSource>& sources) {
  const auto num_stdin = std::count_if(sources.begin(), sources.end(), [](const ArgumentSource& source) {
    return source.kind == ArgumentSource::Kind::file && source.path == kStdin;
  });
  if (num_stdin > 1) throw UsageError("standard input ('-') can be one source of arguments only");
}

OtherSources read_others(const InputOptions& options, const std::vector<ArgumentSource>& sources, int stdin_fd) {
  OtherSources others;
  others.recycles = options.form.links_all;
  for (std::size_t i = 1; i < sources.size(); ++i) {
    std::vector<Columns> rows = open_source(sources[i], options, stdin_fd, false).read_rest();
    const bool is_linked = options.form.links_all || sources[i].is_linked;
    if (is_linked && others.combined.empty())
      others.linked.push_back(std::move(rows));
    else if (is_linked)
      others.combined.back() = link(std::move(others.combined.back()), rows);
    else
      others.combined.push_back(std::move(rows));
  }
  return others;
}

std::unique_ptr<runtime::TaskSource> open_template(const InputOptions& options,
                                                   const std::vector<ArgumentSource>& sources, int stdin_fd) {
  check_sources(sources);
  return std::make_unique<TemplateSource>(options.words, options.form,
                                          open_source(sources.front(), options, stdin_fd, true),
                                          read_others(options, sources, stdin_fd), options.num_before);
}

std::unique_ptr<runtime::TaskSource> open_task_file(const std::string& path, const InputOptions& options,
                                                    int stdin_fd) {
  if (options.form.is_for_templates())
    throw UsageError((path == kStdin ? "standard input" : "'" + path + "'") +
                     " is a list of commands, and --colsep, --header, -N and their like are for arguments of a "
                     "template, as in 'gzip {}'");
  return std::make_unique<TaskFileSource>(open_reader(path, options, stdin_fd, true), options.form.delimiter != '\n');
}

/// Something may come from there without anybody typing it: a pipe, a socket, a file.
bool has_input(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode));
}

/// What is neither a file nor a command was surely meant to be one of them.
void check_command(const std::vector<std::string>& words) {
  if (words.size() > 1 && std::all_of(words.begin(), words.end(), is_list)) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    throw UsageError("one task file at a time: '" + text + "' are " + std::to_string(words.size()) +
                     "; to run the lines of all of them: cat " + text + " | drover run -");
  }
  const std::string& word = words.front();
  if (words.size() > 1 && words[1].starts_with('-') && is_list(word) && !is_command(word))
    throw UsageError("'" + word + "' is no command: options such as " + words[1] +
                     " go before a task file, as in drover run " + words[1] + " " + word);
  if (words.size() > 1 || word.find_first_of(" \t\n{|;&<>$`=(") != std::string::npos || is_command(word)) return;
  throw UsageError("'" + word +
                   "' is neither a file here nor a command: give a file with one command a line, or a "
                   "command such as 'gzip {}' for each line of standard input");
}

}  // namespace

bool InputForm::is_for_templates() const {
  return arguments.colsep || arguments.trim || arguments.has_header || links_all || packing.has_value() ||
         syntax.is_quoted;
}

bool reads_stdin(const std::vector<std::string>& words, const std::vector<ArgumentSource>& sources) {
  const auto is_stdin = [](const ArgumentSource& source) {
    return source.kind == ArgumentSource::Kind::file && source.path == kStdin;
  };
  if (!sources.empty()) return std::any_of(sources.begin(), sources.end(), is_stdin);
  return !is_task_file(words) || words.front() == kStdin;
}

std::unique_ptr<runtime::TaskSource> open_input(const InputOptions& options, int stdin_fd) {
  if (!options.sources.empty()) return open_template(options, options.sources, stdin_fd);
  if (is_task_file(options.words)) return open_task_file(options.words.front(), options, stdin_fd);
  if (options.words.empty()) {
    if (options.may_be_absent) return std::make_unique<EmptySource>();
    if (stdin_fd < 0 || has_input(stdin_fd)) return open_task_file(kStdin, options, stdin_fd);
    throw UsageError(
        "nothing to run: give a task file ('drover run tasks.txt'), commands on standard input, or a command "
        "template ('drover run gzip ::: *.txt')");
  }
  check_command(options.words);
  return open_template(options, {{ArgumentSource::Kind::file, {}, kStdin, false}}, stdin_fd);
}

}  // namespace drover::cli
