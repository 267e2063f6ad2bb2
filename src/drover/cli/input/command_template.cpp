// Words with `repeated` arguments are expanded once for each argument, so that the parts of a template are kept word
// by word: a part of Kind::blank is the white space between two of them.

#include "drover/cli/input/command_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "drover/support/error.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::cli {

namespace {

constexpr std::string_view kBlanks = " \t\n";

void refuse_perl(std::string_view text) {
  if (!text.starts_with("{=")) return;
  throw UsageError(
      "'" + std::string(text.substr(0, text.find('}') + 1)) +
      "' is a Perl expression of GNU parallel, which drover has none of: let the command compute it, as in "
      "'x=$(({} + 1)); ...'");
}

}  // namespace

CommandTemplate::CommandTemplate(const std::vector<std::string>& words, TemplateSyntax syntax)
    : syntax_(std::move(syntax)) {
  for (const std::string& word : words) {
    if (&word != &words.front()) add_blank();
    if (word.empty() && syntax_.is_quoted) add_text("");
    parse(word);
  }
  const auto is_text = [](const Part& part) { return part.kind == Kind::text || part.kind == Kind::blank; };
  const bool has_text = std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    return part.kind != Kind::blank && part.text.find_first_not_of(kBlanks) != std::string::npos;
  });
  const bool has_replacement = !std::all_of(parts_.begin(), parts_.end(), is_text);
  if (!words.empty() && !has_text && !has_replacement)
    throw UsageError("the command template is empty; expected for example 'gzip {}'");
  quotes_arguments_ = !words.empty() && (parts_.empty() || parts_.front().kind != Kind::argument);
  if (has_replacement || !syntax_.appends_arguments) return;
  if (!parts_.empty()) add_blank();
  parts_.push_back({Kind::argument, "", 0, Form::whole});
}

void CommandTemplate::parse(std::string_view word) {
  while (!word.empty()) {
    Part part;
    std::size_t begin = 0;
    std::size_t length = 0;
    while (begin < word.size() && (length = parse_replacement(word.substr(begin), part)) == 0) ++begin;
    if (begin > 0) add_text(word.substr(0, begin));
    if (length > 0) parts_.push_back(std::move(part));
    word.remove_prefix(begin + length);
  }
}

/// How much of the beginning of `text` is a replacement string; 0: nothing.
std::size_t CommandTemplate::parse_replacement(std::string_view text, Part& part) const {
  if (text.starts_with(syntax_.replacement)) {
    part.kind = Kind::argument;
    return syntax_.replacement.size();
  }
  if (text.front() != '{') return 0;
  refuse_perl(text);
  const std::size_t close = text.find('}');
  if (close == std::string_view::npos || close == 1) return 0;
  part = {};
  return parse_braces(text.substr(1, close - 1), part) ? close + 1 : 0;
}

/// `{` [position] [form] `}`, or `{#}`, `{%}`.
bool CommandTemplate::parse_braces(std::string_view inside, Part& part) const {
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
  if (!parse_position(inside, part)) return false;
  for (const auto& [text, form] : kForms) {
    if (inside != text) continue;
    part.form = form;
    return true;
  }
  return false;
}

/// Takes a number or a name off the beginning, if there is one. False if it is no position.
bool CommandTemplate::parse_position(std::string_view& inside, Part& part) const {
  for (std::size_t i = 0; i < syntax_.names.size(); ++i) {
    const std::string& name = syntax_.names[i];
    const bool is_whole = inside.starts_with(name) && inside.find_first_not_of("./", name.size()) == std::string::npos;
    if (name.empty() || !is_whole) continue;
    part.position = static_cast<std::int32_t>(i + 1);
    inside.remove_prefix(name.size());
    return true;
  }
  if (inside.empty() || (inside.front() != '-' && (inside.front() < '0' || inside.front() > '9'))) return true;
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), part.position);
  if (error != std::errc{} || part.position == 0) return false;
  inside.remove_prefix(static_cast<std::size_t>(end - inside.data()));
  return true;
}

void CommandTemplate::add_text(std::string_view text) {
  if (syntax_.is_quoted) {
    Part part;
    support::append_quoted(part.text, text);
    parts_.push_back(std::move(part));
    return;
  }
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find_first_of(kBlanks), text.size());
    if (blank > 0) parts_.push_back({Kind::text, std::string(text.substr(0, blank)), 0, Form::whole});
    const std::size_t next = std::min(text.find_first_not_of(kBlanks, blank), text.size());
    if (next > blank) parts_.push_back({Kind::blank, std::string(text.substr(blank, next - blank)), 0, Form::whole});
    text.remove_prefix(next);
  }
}

void CommandTemplate::add_blank() {
  parts_.push_back({Kind::blank, " ", 0, Form::whole});
}

std::uint32_t CommandTemplate::highest_position() const {
  std::int32_t highest = 0;
  for (const Part& part : parts_) highest = std::max(highest, part.position < 0 ? -part.position : part.position);
  return static_cast<std::uint32_t>(highest);
}

// --- expanding --------------------------------------------------------------------------------

struct CommandTemplate::Expansion {
  std::span<const std::string> arguments;
  std::uint64_t number = 0;
  bool quotes_arguments = true;
  bool marks_slots = true;
  std::string text;
  std::vector<std::uint32_t> slot_marks;

  void add(std::string_view argument) {
    if (quotes_arguments)
      support::append_quoted(text, argument);
    else
      text += argument;
  }
};

core::TaskSpec CommandTemplate::expand(const std::vector<std::string>& arguments, std::uint64_t number) const {
  Expansion expansion{arguments, number, quotes_arguments_, true, "", {}};
  run(expansion);
  core::TaskSpec task;
  task.payload = std::move(expansion.text);
  task.slot_marks = std::move(expansion.slot_marks);
  for (const std::string& argument : arguments) {
    if (!task.tag.empty()) task.tag += ' ';
    task.tag += argument;
  }
  return task;
}

std::string CommandTemplate::expand_text(const std::vector<std::string>& arguments, std::uint64_t number) const {
  Expansion expansion{arguments, number, false, false, "", {}};
  run(expansion);
  return std::move(expansion.text);
}

void CommandTemplate::run(Expansion& expansion) const {
  const auto is_blank = [](const Part& part) { return part.kind == Kind::blank; };
  for (auto begin = parts_.begin(); begin != parts_.end();) {
    if (is_blank(*begin)) {
      expansion.text += begin->text;
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, parts_.end(), is_blank);
    expand_word(static_cast<std::size_t>(begin - parts_.begin()), static_cast<std::size_t>(end - parts_.begin()),
                expansion);
    begin = end;
  }
}

void CommandTemplate::expand_word(std::size_t begin, std::size_t end, Expansion& expansion) const {
  const std::span<const Part> word(parts_.data() + begin, end - begin);
  const auto is_all = [](const Part& part) { return part.kind == Kind::argument && part.position == 0; };
  if (syntax_.many == ManyArguments::joined || !std::any_of(word.begin(), word.end(), is_all)) {
    for (const Part& part : word) expand_part(part, expansion);
    return;
  }
  const std::span<const std::string> all = expansion.arguments;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) expansion.text += ' ';
    for (const Part& part : word) {
      expansion.arguments = is_all(part) ? all.subspan(i, 1) : all;
      expand_part(part, expansion);
    }
  }
  expansion.arguments = all;
}

void CommandTemplate::expand_part(const Part& part, Expansion& expansion) const {
  switch (part.kind) {
    case Kind::text:
    case Kind::blank:
      expansion.text += part.text;
      return;
    case Kind::number:
      expansion.text += std::to_string(expansion.number);
      return;
    case Kind::slot:
      if (expansion.marks_slots) expansion.slot_marks.push_back(static_cast<std::uint32_t>(expansion.text.size()));
      return;
    case Kind::argument:
      break;
  }
  const auto num = static_cast<std::int64_t>(expansion.arguments.size());
  if (part.position == 0) {
    for (std::size_t i = 0; i < expansion.arguments.size(); ++i) {
      if (i > 0) expansion.text += ' ';
      expansion.add(formed(expansion.arguments[i], part.form));
    }
  } else if (const std::int64_t index = part.position > 0 ? part.position - 1 : num + part.position;
             index >= 0 && index < num) {
    expansion.add(formed(expansion.arguments[static_cast<std::size_t>(index)], part.form));
  }
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
