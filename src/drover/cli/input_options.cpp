#include "drover/cli/input_options.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kGroup = "What to run";
constexpr std::uint32_t kMostArguments = 1'000'000;
/// A command travels as one argument of a shell, which Linux bounds at 128 KiB.
constexpr std::size_t kMostCommandBytes = 120U << 10;

/// One byte: a character, or as printf has it: \n \t \0 \\ \x2c \054.
char parse_delimiter(const std::string& text) {
  if (text.size() == 1) return text.front();
  constexpr std::array<std::pair<char, char>, 7> kNamed{
      {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'0', '\0'}, {'\\', '\\'}, {'a', '\a'}, {'f', '\f'}}};
  if (text.size() > 1 && text.front() == '\\') {
    for (const auto& [letter, byte] : kNamed)
      if (text.size() == 2 && text[1] == letter) return byte;
    const bool is_hexadecimal = text[1] == 'x';
    unsigned value = 0;
    const char* const begin = text.data() + (is_hexadecimal ? 2 : 1);
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(begin, end, value, is_hexadecimal ? 16 : 8);
    if (begin != end && parsed.ec == std::errc{} && parsed.ptr == end && value < 256) return static_cast<char>(value);
  }
  throw UsageError("--delimiter '" + text + "' is not one character; expected such as ',' or '\\t', '\\0', '\\x3b'");
}

std::optional<ArgumentRules::Trim> parse_trim(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "n") return ArgumentRules::Trim{false, false};
  if (text == "l") return ArgumentRules::Trim{true, false};
  if (text == "r") return ArgumentRules::Trim{false, true};
  if (text == "lr" || text == "rl") return ArgumentRules::Trim{true, true};
  throw UsageError("--trim '" + text + "' is not n, l, r or lr");
}

std::optional<Packing> packing_of(const InputFormOptions& options) {
  const std::uint32_t most = std::max({options.max_args, options.max_replace_args, options.max_lines});
  const bool has_many = options.has_many_joined || options.has_many_repeated;
  if (most == 0 && !has_many) {
    if (options.max_chars > 0) throw UsageError("--max-chars bounds the commands of -n, -N, -X and --xargs");
    return std::nullopt;
  }
  return Packing{most, options.max_chars > 0 ? options.max_chars : kMostCommandBytes};
}

}  // namespace

void declare_input_form(CLI::App& app, InputFormOptions& options) {
  const auto flag = [&app](const std::string& names, bool& value, const std::string& description) {
    app.add_flag(names, value, description)->group(kGroup);
  };
  const auto text = [&app](const std::string& names, auto& value, const std::string& type,
                           const std::string& description) {
    app.add_option(names, value, description)->type_name(type)->group(kGroup);
  };
  const auto count = [&app](const std::string& names, auto& value, const std::string& description) {
    app.add_option(names, value, description)->check(CLI::Range(1U, kMostArguments))->type_name("N")->group(kGroup);
  };
  flag("-0,--null", options.is_null_separated, "Input records end with NUL instead of newline");
  text("-d,--delimiter", options.delimiter, "CHAR", "Input records end with this, such as ',' or '\\t'");
  text("-C,--colsep", options.colsep, "REGEX", "Split each input record at this regular expression into {1} {2} ...");
  text("--header", options.header, ":", "':': the first record of each source names its arguments: {name}");
  text("--trim", options.trim, "n|l|r|lr", "Take white space off arguments, left or right; default: lr with --colsep");
  text("-E,--eof", options.end_mark, "WORD", "A record that is this ends its source");
  flag("-r,--no-run-if-empty", options.skips_blank, "Pass over records that are blank");
  flag("--link,--xapply", options.links_all,
       "The sources go along with each other, instead of being combined;\nshorter ones begin again (:::+ and ::::+ end "
       "with the shorter)");
  text("-I,--replace", options.replacement, "WORD", "What stands for the arguments instead of {}");
  flag("-q,--quote", options.is_quoted, "The command's words are for itself: quote them for the shell");
  count("-n,--max-args", options.max_args, "So many arguments for each command, in place of {}");
  count("-N,--max-replace-args", options.max_replace_args, "The same, also as {1} {2} ...; a{}b is repeated as a word");
  count("-L,--max-lines", options.max_lines, "So many input records for each command");
  flag("-X", options.has_many_repeated, "As many arguments as fit; a{}b is repeated as a word");
  flag("-m,--xargs", options.has_many_joined, "As many arguments as fit, in place of {}");
  count("-s,--max-chars", options.max_chars, "Of a command that has several arguments");
}

InputForm form_of(const InputFormOptions& options) {
  InputForm form;
  if (options.is_null_separated && !options.delimiter.empty())
    throw UsageError("--null and --delimiter say what ends a record: give one of them");
  if (!options.delimiter.empty()) form.delimiter = parse_delimiter(options.delimiter);
  if (options.is_null_separated) form.delimiter = '\0';
  form.arguments.colsep = options.colsep;
  form.arguments.trim = parse_trim(options.trim);
  form.arguments.end_mark = options.end_mark;
  form.arguments.skips_blank = options.skips_blank;
  if (!options.header.empty() && options.header != ":")
    throw UsageError("--header '" + options.header + "' is not ':', which makes names of the first record");
  form.arguments.has_header = !options.header.empty();
  form.links_all = options.links_all;
  if (options.replacement.empty()) throw UsageError("--replace must not be empty");
  form.syntax.replacement = options.replacement;
  form.syntax.is_quoted = options.is_quoted;
  form.packing = packing_of(options);
  // What GNU parallel does, whatever its manual says of them together.
  const bool may_be_repeated = !options.has_many_joined && (options.max_lines > 0 || options.has_many_repeated);
  if (options.max_replace_args > 0 || may_be_repeated) form.syntax.many = ManyArguments::repeated;
  form.tagstring = options.tagstring;
  return form;
}

}  // namespace drover::cli
