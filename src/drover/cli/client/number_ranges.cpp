#include "drover/cli/client/number_ranges.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

std::optional<core::TaskId> parse_task(std::string_view text) {
  core::TaskId task;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), task.value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || task.is_none()) return std::nullopt;
  return task;
}

std::optional<control::TaskRange> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const std::optional<core::TaskId> first = parse_task(text.substr(0, dash));
  const std::optional<core::TaskId> last = dash == std::string_view::npos ? first : parse_task(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return control::TaskRange{*first, *last};
}

}  // namespace

std::vector<control::TaskRange> parse_task_ranges(const std::string& text) {
  std::vector<control::TaskRange> ranges;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto range = parse_range(std::string_view(text).substr(begin, end - begin));
    if (!range) throw UsageError("'" + text + "' is not a list of tasks; expected for example 7, 5-9 or 1,4-6");
    ranges.push_back(*range);
    begin = end + 1;
  }
  return ranges;
}

void append_range(std::vector<control::TaskRange>& ranges, const control::TaskRange& range) {
  if (!ranges.empty() && ranges.back().last.value + 1 == range.first.value)
    ranges.back().last = range.last;
  else
    ranges.push_back(range);
}

std::string format_ranges(const std::vector<control::TaskRange>& ranges) {
  std::string text;
  for (const control::TaskRange& range : ranges) {
    if (!text.empty()) text += ",";
    text += std::to_string(range.first.value);
    if (range.first != range.last) text += "-" + std::to_string(range.last.value);
  }
  return text;
}

}  // namespace drover::cli
