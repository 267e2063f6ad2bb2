#include "drover/support/shell_quote.hpp"

#include <algorithm>
#include <array>

namespace drover::support {

namespace {

/// Characters that no shell treats specially, wherever in a word they are; `=` and `~` are left out
/// for their meaning at a beginning.
constexpr std::array<bool, 256> make_safe() {
  std::array<bool, 256> safe{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:+@%"))
    safe[static_cast<unsigned char>(c)] = true;
  return safe;
}
constexpr std::array<bool, 256> kSafe = make_safe();

}  // namespace

void append_quoted(std::string& text, std::string_view bytes) {
  const bool is_safe =
      std::all_of(bytes.begin(), bytes.end(), [](char c) { return kSafe[static_cast<unsigned char>(c)]; });
  if (is_safe && !bytes.empty()) {
    text += bytes;
    return;
  }
  text += '\'';
  for (const char c : bytes) {
    if (c == '\'')
      text += "'\\''";
    else
      text += c;
  }
  text += '\'';
}

std::string shell_quote(std::string_view bytes) {
  std::string text;
  append_quoted(text, bytes);
  return text;
}

}  // namespace drover::support
