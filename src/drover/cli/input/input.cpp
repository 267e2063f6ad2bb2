#include "drover/cli/input/input.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "drover/cli/input/command_template.hpp"
#include "drover/cli/input/record_reader.hpp"
#include "drover/cli/input/resumed_input.hpp"
#include "drover/cli/input/task_file_source.hpp"
#include "drover/cli/input/template_source.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kValuesMark = ":::";
constexpr const char* kFilesMark = "::::";
constexpr const char* kStdin = "-";
constexpr const char* kNoFile = "there is no file after '::::'; its lines are the arguments, as in :::: names.txt";

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

/// Whether a file is a program rather than a list of commands. A script that has drover itself as its
/// interpreter is such a list.
bool is_program(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || ::access(path.c_str(), X_OK) != 0) return false;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  std::getline(file, line);
  return line.starts_with(
             "\x7f"
             "ELF") ||
         (line.starts_with("#!") && line.find("drover") == std::string::npos);
}

bool is_list(const std::string& word) {
  struct stat status {};
  return ::stat(word.c_str(), &status) == 0 && S_ISREG(status.st_mode) && !is_program(word);
}

RecordReader open_reader(const std::string& path, char delimiter, int stdin_fd,
                         std::shared_ptr<StdinSpool> spool = nullptr) {
  if (path != kStdin) return {path, delimiter};
  if (::isatty(stdin_fd) == 1)
    throw UsageError("standard input is a terminal: give a file, ::: VALUES, or pipe something in");
  return {stdin_fd, "standard input", delimiter, std::move(spool)};
}

std::vector<std::string> read_all(const ArgumentSource& source, char delimiter, int stdin_fd) {
  if (source.kind == ArgumentSource::Kind::values) return source.values;
  RecordReader reader = open_reader(source.path, delimiter, stdin_fd);
  std::vector<std::string> records;
  for (std::string record; reader.next(record);) records.push_back(record);
  return records;
}

void check_sources(const std::vector<ArgumentSource>& sources) {
  const auto num_stdin = std::count_if(sources.begin(), sources.end(), [](const ArgumentSource& source) {
    return source.kind == ArgumentSource::Kind::file && source.path == kStdin;
  });
  if (num_stdin > 1) throw UsageError("standard input ('-') can be one source of arguments only");
}

/// With columns it is only known line by line how many arguments there are.
void check_positions(const CommandTemplate& command, const std::string& text, std::size_t num_sources,
                     bool has_columns) {
  if (has_columns || command.highest_position() <= num_sources) return;
  throw UsageError(
      "the template '" + text + "' refers to argument " + std::to_string(command.highest_position()) + ", and there " +
      (num_sources == 1 ? "is one source" : "are " + std::to_string(num_sources) + " sources") + " of arguments");
}

std::unique_ptr<runtime::TaskSource> open_template(const std::string& text, const InputOptions& options,
                                                   const std::vector<ArgumentSource>& sources, int stdin_fd) {
  const char delimiter = options.null_separated ? '\0' : '\n';
  CommandTemplate command(text);
  check_positions(command, text, sources.size(), options.colsep.has_value());
  check_sources(sources);
  ColumnSplitter splitter(options.colsep);
  const ArgumentSource& first = sources.front();
  TemplateSource::First first_source = first.values;
  if (first.kind == ArgumentSource::Kind::file)
    first_source = open_reader(first.path, delimiter, stdin_fd, options.stdin_spool);
  std::vector<std::vector<std::string>> others;
  for (std::size_t i = 1; i < sources.size(); ++i) others.push_back(read_all(sources[i], delimiter, stdin_fd));
  return std::make_unique<TemplateSource>(std::move(command), std::move(splitter), std::move(first_source), others,
                                          options.num_before);
}

std::unique_ptr<runtime::TaskSource> open_task_file(const std::string& path, const InputOptions& options,
                                                    int stdin_fd) {
  if (is_program(path))
    throw UsageError("'" + path + "' is a program: to run it on each line of standard input write '" + path +
                     " {}'; to run its lines as commands give them on standard input");
  if (options.colsep) throw UsageError("--colsep splits arguments of a template; '" + path + "' is a task file");
  return std::make_unique<TaskFileSource>(
      open_reader(path, options.null_separated ? '\0' : '\n', stdin_fd, options.stdin_spool), options.null_separated);
}

}  // namespace

SplitArguments split_argument_sources(std::vector<std::string> argv) {
  SplitArguments split;
  const auto first = std::find_if(argv.begin(), argv.end(),
                                  [](const std::string& word) { return word == kValuesMark || word == kFilesMark; });
  bool is_files = false;
  for (auto word = first; word != argv.end(); ++word) {
    if (*word == kValuesMark || *word == kFilesMark) {
      if (is_files && *(word - 1) == kFilesMark) throw UsageError(kNoFile);
      is_files = *word == kFilesMark;
      if (!is_files) split.sources.push_back({});
    } else if (is_files) {
      split.sources.push_back({ArgumentSource::Kind::file, {}, *word});
    } else {
      split.sources.back().values.push_back(*word);
    }
  }
  if (is_files && argv.back() == kFilesMark) throw UsageError(kNoFile);
  split.argv.assign(argv.begin(), first);
  return split;
}

std::unique_ptr<runtime::TaskSource> open_input(const InputOptions& options, int stdin_fd) {
  const std::string text = join(options.positionals);
  if (!options.sources.empty()) return open_template(text, options, options.sources, stdin_fd);
  if (options.positionals.empty() && options.may_be_absent) return std::make_unique<EmptySource>();
  if (options.positionals.empty())
    throw UsageError(
        "nothing to run: give a task file ('drover run tasks.txt', '-' for standard input) or a command "
        "template ('drover run \"gzip {}\" ::: *.txt')");
  if (options.positionals.size() == 1 && (text == kStdin || exists(text)))
    return open_task_file(text, options, stdin_fd);
  if (options.positionals.size() > 1 && std::all_of(options.positionals.begin(), options.positionals.end(), is_list))
    throw UsageError("one task file at a time: '" + text + "' are " + std::to_string(options.positionals.size()) +
                     "; to run the lines of all of them: cat " + text + " | drover run -");
  if (text.find_first_of(" \t\n{") == std::string::npos)
    throw UsageError("no such file '" + text + "'; to run the command " + text +
                     " on each line of standard input write '" + text + " {}'");
  return open_template(text, options, {{ArgumentSource::Kind::file, {}, kStdin}}, stdin_fd);
}

}  // namespace drover::cli
