#include "drover/exec/plain_command.hpp"

#include <algorithm>
#include <array>

namespace drover::exec {

namespace {

/// Words that mean something to a shell itself. Those that exist as programs too (echo, printf,
/// test, kill, pwd, true, false) are left out: the programs do.
constexpr auto kShellWords = std::to_array<std::string_view>(
    {"!",       ".",        ":",       "[[",      "alias",   "bg",    "break",    "builtin",  "case",   "cd",
     "command", "continue", "declare", "do",      "done",    "elif",  "else",     "esac",     "eval",   "exec",
     "exit",    "export",   "fc",      "fg",      "fi",      "for",   "function", "getopts",  "hash",   "if",
     "in",      "jobs",     "let",     "local",   "popd",    "pushd", "read",     "readonly", "return", "select",
     "set",     "shift",    "shopt",   "source",  "suspend", "then",  "time",     "times",    "trap",   "type",
     "typeset", "ulimit",   "umask",   "unalias", "unset",   "until", "wait",     "while",    "{",      "}"});

/// Characters that a shell leaves alone anywhere in a word.
bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./,:+@%^=").find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
}

/// What a backslash may be put before; before a newline it would join lines.
bool is_escapable(char c) {
  return c != '\n' && c != '\0';
}

/// Reads the quoted stretch that begins at `i` into `word`; leaves `i` behind it. False if it is not plain.
bool read_quoted(std::string_view command, std::size_t& i, std::string& word) {
  const char quote = command[i];
  const auto end = command.find(quote, i + 1);
  if (end == std::string_view::npos) return false;
  const std::string_view inside = command.substr(i + 1, end - i - 1);
  if (quote == '"' && inside.find_first_of("$`\\!") != std::string_view::npos) return false;
  word += inside;
  i = end + 1;
  return true;
}

/// Reads a word from `i` on; leaves `i` behind it. False if it is not plain.
bool read_word(std::string_view command, std::size_t& i, std::string& word) {
  while (i < command.size() && command[i] != ' ' && command[i] != '\t') {
    const char c = command[i];
    if (c == '\'' || c == '"') {
      if (!read_quoted(command, i, word)) return false;
    } else if (c == '\\' && i + 1 < command.size() && is_escapable(command[i + 1])) {
      word += command[i + 1];
      i += 2;
    } else if (is_bare(c)) {
      word += c;
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

bool is_program_word(std::string_view raw, const std::string& word) {
  if (word.empty() || raw.find('=') != std::string_view::npos) return false;
  return std::find(kShellWords.begin(), kShellWords.end(), word) == kShellWords.end();
}

}  // namespace

std::optional<std::vector<std::string>> split_plain_command(std::string_view command) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < command.size();) {
    if (command[i] == ' ' || command[i] == '\t') {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    std::string word;
    if (!read_word(command, i, word)) return std::nullopt;
    if (words.empty() && !is_program_word(command.substr(begin, i - begin), word)) return std::nullopt;
    words.push_back(std::move(word));
  }
  if (words.empty()) return std::nullopt;
  return words;
}

}  // namespace drover::exec
