#include "drover/cli/run_words.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "drover/cli/parallel_options.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kArgFile = "arg-file";
constexpr const char* kArgSep = "arg-sep";
constexpr const char* kArgFileSep = "arg-file-sep";
constexpr std::array<std::string_view, 3> kNames{kArgFile, kArgSep, kArgFileSep};

/// One word that begins with a dash, taken apart.
struct OptionWord {
  std::string name;                  ///< of the option that may take a value: the long one, or the last of several
  std::optional<std::string> value;  ///< in the same word
  bool needs_value = false;          ///< the next word is the value
};

/// Never null.
const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  if (option == nullptr) throw UsageError(unknown_option(name));
  return option;
}

bool takes_value(const CLI::Option* option) {
  return option->get_items_expected_max() > 0;
}

std::string long_name(const CLI::Option* option) {
  return option->get_lnames().empty() ? "" : option->get_lnames().front();
}

/// `--name`, `--name=value`
OptionWord take_long(const CLI::App& app, const std::string& word) {
  const std::size_t equals = word.find('=');
  const CLI::Option* option = find_option(app, word.substr(0, equals));
  OptionWord taken{long_name(option), std::nullopt, false};
  if (equals != std::string::npos)
    taken.value = word.substr(equals + 1);
  else
    taken.needs_value = takes_value(option);
  return taken;
}

/// `-k`, `-j4`, `-kj4`
OptionWord take_short(const CLI::App& app, const std::string& word) {
  OptionWord taken;
  for (std::size_t i = 1; i < word.size(); ++i) {
    const CLI::Option* option = find_option(app, std::string("-") + word[i]);
    taken.name = long_name(option);
    if (!takes_value(option)) continue;
    taken.needs_value = i + 1 == word.size();
    if (!taken.needs_value) taken.value = word.substr(i + 1);
    break;
  }
  return taken;
}

}  // namespace

RunWords split_run_words(const CLI::App& app, const std::vector<std::string>& words) {
  SourceMarks marks;
  std::vector<ArgumentSource> files;
  RunWords split;
  auto word = words.begin();
  while (word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--") {
    OptionWord option = word->starts_with("--") ? take_long(app, *word) : take_short(app, *word);
    const auto begin = word++;
    if (option.needs_value && word != words.end()) option.value = *word++;
    if (!is_for_splitting(option.name) || !option.value) {
      split.options.insert(split.options.end(), begin, word);
    } else if (option.name == kArgFile) {
      files.push_back({ArgumentSource::Kind::file, {}, *option.value, false});
    } else {
      if (option.value->empty()) throw UsageError("--" + option.name + " must not be empty");
      (option.name == kArgSep ? marks.values : marks.files) = *option.value;
    }
  }
  if (word != words.end() && *word == "--") ++word;
  SplitArguments arguments = split_argument_sources({word, words.end()}, marks);
  split.command = std::move(arguments.argv);
  split.sources = std::move(files);
  split.sources.insert(split.sources.end(), arguments.sources.begin(), arguments.sources.end());
  return split;
}

void declare_splitting(CLI::App& app) {
  const auto declare = [&app](const std::string& names, const std::string& type, const std::string& description) {
    app.add_option_function<std::string>(
           names, [](const std::string&) {}, description)
        ->type_name(type)
        ->group("What to run");
  };
  declare(std::string("-a,--") + kArgFile, "FILE", "Arguments, one a line; again: another source. As :::: FILE");
  declare(std::string("--") + kArgSep, "WORD", "Use this word instead of :::");
  declare(std::string("--") + kArgFileSep, "WORD", "Use this word instead of ::::");
}

bool is_for_splitting(const std::string& name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace drover::cli
