#include "drover/cli/options_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::string_view kBareKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
constexpr std::string_view kBareValue = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int num_more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kLead[num_more] | code >> (6 * num_more));
  for (int i = num_more - 1; i >= 0; --i) text += static_cast<char>(0x80U | (code >> (6 * i) & 0x3FU));
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& path, std::string_view section)
      : rest_(text), path_(path), expected_section_(section) {}

  std::vector<FileOption> parse() {
    for (skip_blank_lines(); !rest_.empty(); skip_blank_lines()) {
      if (rest_.front() == '[')
        read_section();
      else
        read_option();
      end_line();
    }
    return std::move(options_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UsageError(path_ + ":" + std::to_string(line_) + ": " + what);
  }

  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  /// Also over comments.
  void skip_blank_lines() {
    while (true) {
      skip_spaces();
      if (peek() == '#') rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      if (peek() == '\r') rest_.remove_prefix(1);
      if (peek() != '\n') return;
      rest_.remove_prefix(1);
      ++line_;
    }
  }

  void end_line() {
    skip_spaces();
    if (!rest_.empty() && std::string_view("#\r\n").find(rest_.front()) == std::string_view::npos)
      fail("expected the end of the line, not '" + std::string(rest_.substr(0, rest_.find_first_of("\r\n"))) + "'");
  }

  std::string take(std::string_view characters) {
    const std::string taken(rest_.substr(0, rest_.find_first_not_of(characters)));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string read_key() {
    skip_spaces();
    std::string key = peek() == '"' || peek() == '\'' ? read_string() : take(kBareKey);
    skip_spaces();
    if (key.empty()) fail("expected name = value");
    return key;
  }

  void read_section() {
    rest_.remove_prefix(1);
    const std::string name = read_key();
    if (peek() != ']') fail("expected ']' after [" + name);
    rest_.remove_prefix(1);
    if (name != expected_section_)
      fail("unknown section [" + name + "]; expected [" + std::string(expected_section_) + "] or none");
  }

  void read_option() {
    FileOption option;
    option.line = line_;
    option.name = read_key();
    if (peek() != '=') fail("expected '=' after '" + option.name + "'");
    rest_.remove_prefix(1);
    skip_spaces();
    if (peek() == '[')
      option.values = read_array();
    else
      option.values = {read_value()};
    const auto same = std::find_if(options_.begin(), options_.end(),
                                   [&option](const FileOption& other) { return other.name == option.name; });
    if (same != options_.end()) fail("'" + option.name + "' is set in line " + std::to_string(same->line) + " already");
    options_.push_back(std::move(option));
  }

  std::vector<std::string> read_array() {
    std::vector<std::string> values;
    rest_.remove_prefix(1);
    while (true) {
      skip_blank_lines();
      if (peek() == ']') break;
      values.push_back(read_value());
      skip_blank_lines();
      if (peek() == ']') break;
      if (peek() != ',') fail("expected ',' or ']' in the array");
      rest_.remove_prefix(1);
    }
    rest_.remove_prefix(1);
    return values;
  }

  std::string read_value() {
    if (peek() == '"' || peek() == '\'') return read_string();
    std::string value = take(kBareValue);
    if (value == "true" || value == "false") return value;
    if (value.empty() || std::string_view("0123456789+-").find(value.front()) == std::string_view::npos)
      fail("expected a number, true, false, a \"string\" or an array as value");
    std::erase(value, '_');
    return value;
  }

  std::string read_string() {
    const char quote = peek();
    if (rest_.starts_with("\"\"\"") || rest_.starts_with("'''"))
      fail("strings of several lines are not supported here");
    rest_.remove_prefix(1);
    std::string text;
    while (peek() != quote) {
      if (rest_.empty() || peek() == '\n') fail("the string does not end in its line");
      const char c = peek();
      rest_.remove_prefix(1);
      if (c == '\\' && quote == '"')
        read_escape(text);
      else
        text += c;
    }
    rest_.remove_prefix(1);
    return text;
  }

  void read_escape(std::string& text) {
    constexpr std::string_view kNames = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    const char name = peek();
    rest_.remove_prefix(std::min<std::size_t>(rest_.size(), 1));
    if (const auto at = kNames.find(name); at != std::string_view::npos) {
      text += kMeanings[at];
      return;
    }
    const std::size_t num_digits = name == 'u' ? 4 : name == 'U' ? 8 : 0;
    std::uint32_t code = 0;
    const char* const end = rest_.data() + std::min(num_digits, rest_.size());
    const auto parsed = std::from_chars(rest_.data(), end, code, 16);
    if (num_digits == 0 || parsed.ptr != rest_.data() + num_digits || code > 0x10FFFF || code == 0)
      fail("unknown escape in a string; in 'single quotes' a backslash stands for itself");
    rest_.remove_prefix(num_digits);
    append_utf8(text, code);
  }

  std::string_view rest_;
  const std::string& path_;
  std::string_view expected_section_;
  int line_ = 1;
  std::vector<FileOption> options_;
};

}  // namespace

std::vector<FileOption> parse_options_file(std::string_view text, const std::string& path, std::string_view section) {
  return Parser(text, path, section).parse();
}

}  // namespace drover::cli
