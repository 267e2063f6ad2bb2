#include "drover/cli/input/command_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "drover/support/error.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::cli {

CommandTemplate::CommandTemplate(const std::string& text) {
  if (text.find_first_not_of(" \t\n") == std::string::npos)
    throw UsageError("the command template is empty; expected for example 'gzip {}'");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    const std::size_t close = open == std::string_view::npos ? open : rest.find('}', open);
    if (close == std::string_view::npos) break;
    Part part;
    if (parse_braces(rest.substr(open + 1, close - open - 1), part)) {
      add_text(rest.substr(0, open));
      parts_.push_back(std::move(part));
      rest.remove_prefix(close + 1);
    } else {
      add_text(rest.substr(0, open + 1));
      rest.remove_prefix(open + 1);
    }
  }
  add_text(rest);
  const bool has_argument =
      std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.kind == Kind::argument; });
  if (has_argument) return;
  add_text(" ");
  parts_.push_back({Kind::argument, "", 0, Form::whole});
}

void CommandTemplate::add_text(std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().kind != Kind::text) parts_.push_back({});
  parts_.back().text += text;
}

/// `{` [position] [form] `}`, or `{#}`, `{%}`.
bool CommandTemplate::parse_braces(std::string_view inside, Part& part) {
  constexpr std::array<std::pair<std::string_view, Form>, 5> kForms{{{"", Form::whole},
                                                                     {".", Form::no_extension},
                                                                     {"/", Form::base_name},
                                                                     {"//", Form::directory},
                                                                     {"/.", Form::base_name_no_extension}}};
  if (inside == "#" || inside == "%") {
    part.kind = inside == "#" ? Kind::number : Kind::slot;
    return true;
  }
  part.kind = Kind::argument;
  if (!inside.empty() && (inside.front() == '-' || (inside.front() >= '0' && inside.front() <= '9'))) {
    const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), part.position);
    if (error != std::errc{} || part.position == 0) return false;
    inside.remove_prefix(static_cast<std::size_t>(end - inside.data()));
  }
  for (const auto& [text, form] : kForms) {
    if (inside != text) continue;
    part.form = form;
    return true;
  }
  return false;
}

std::uint32_t CommandTemplate::highest_position() const {
  std::int32_t highest = 0;
  for (const Part& part : parts_) highest = std::max(highest, part.position < 0 ? -part.position : part.position);
  return static_cast<std::uint32_t>(highest);
}

core::TaskSpec CommandTemplate::expand(const std::vector<std::string>& arguments, std::uint64_t number) const {
  core::TaskSpec task;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Kind::text:
        task.payload += part.text;
        break;
      case Kind::number:
        task.payload += std::to_string(number);
        break;
      case Kind::slot:
        task.slot_marks.push_back(static_cast<std::uint32_t>(task.payload.size()));
        break;
      case Kind::argument:
        append_argument(task.payload, part, arguments);
        break;
    }
  }
  for (const std::string& argument : arguments) {
    if (!task.tag.empty()) task.tag += ' ';
    task.tag += argument;
  }
  return task;
}

void CommandTemplate::append_argument(std::string& command, const Part& part,
                                      const std::vector<std::string>& arguments) {
  if (part.position == 0) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (i > 0) command += ' ';
      support::append_quoted(command, formed(arguments[i], part.form));
    }
    return;
  }
  const auto num = static_cast<std::int64_t>(arguments.size());
  const std::int64_t index = part.position > 0 ? part.position - 1 : num + part.position;
  if (index >= 0 && index < num)
    support::append_quoted(command, formed(arguments[static_cast<std::size_t>(index)], part.form));
}

namespace {

/// As dirname(1) has it: slashes at the end are not part of a name.
std::string_view directory_of(std::string_view path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string_view::npos) return path.empty() ? "." : "/";
  const std::size_t slash = path.rfind('/', end);
  if (slash == std::string_view::npos) return ".";
  const std::string_view directory = path.substr(0, path.find_last_not_of('/', slash) + 1);
  return directory.empty() ? "/" : directory;
}

}  // namespace

std::string_view CommandTemplate::formed(std::string_view argument, Form form) {
  const std::size_t slash = argument.rfind('/');
  const std::string_view base = slash == std::string_view::npos ? argument : argument.substr(slash + 1);
  const auto without_extension = [](std::string_view name, std::string_view base_name) {
    const std::size_t dot = base_name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(0, name.size() - (base_name.size() - dot));
  };
  switch (form) {
    case Form::whole:
      return argument;
    case Form::no_extension:
      return without_extension(argument, base);
    case Form::base_name:
      return base;
    case Form::directory:
      return directory_of(argument);
    case Form::base_name_no_extension:
      return without_extension(base, base);
  }
  return argument;
}

}  // namespace drover::cli
