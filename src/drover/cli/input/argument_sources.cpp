#include "drover/cli/input/argument_sources.hpp"

#include <algorithm>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kStdin = "-";

using Words = std::vector<std::string>;

void add_files(std::vector<ArgumentSource>& sources, Words paths, const std::string& mark, bool is_linked) {
  if (paths.empty())
    throw UsageError("there is no file after '" + mark + "'; its lines are the arguments, as in " + mark +
                     " names.txt");
  for (std::string& path : paths) sources.push_back({ArgumentSource::Kind::file, {}, std::move(path), is_linked});
}

}  // namespace

bool SourceMarks::is_mark(const std::string& word) const {
  return word == values || word == files || word == values + "+" || word == files + "+";
}

SplitArguments split_argument_sources(std::vector<std::string> argv, const SourceMarks& marks) {
  const auto is_mark = [&marks](const std::string& word) { return marks.is_mark(word); };
  SplitArguments split;
  auto mark = std::find_if(argv.begin(), argv.end(), is_mark);
  split.argv.assign(argv.begin(), mark);
  while (mark != argv.end()) {
    const auto end = std::find_if(mark + 1, argv.end(), is_mark);
    Words words(mark + 1, end);
    const bool is_files = *mark == marks.files || *mark == marks.files + "+";
    const bool is_linked = *mark == marks.values + "+" || *mark == marks.files + "+";
    if (is_linked && split.sources.empty())
      throw UsageError("'" + *mark + "' goes along with the source before it, and there is none");
    if (is_files)
      add_files(split.sources, std::move(words), *mark, is_linked);
    else
      split.sources.push_back({ArgumentSource::Kind::values, std::move(words), "", is_linked});
    mark = end;
  }
  if (split.sources.size() == 1 && split.sources.front().kind == ArgumentSource::Kind::values &&
      split.sources.front().values.empty())
    split.sources.front() = {ArgumentSource::Kind::file, {}, kStdin, false};
  return split;
}

}  // namespace drover::cli
