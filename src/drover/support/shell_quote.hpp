// Quoting for POSIX shells.
#pragma once

#include <string>
#include <string_view>

namespace drover::support {

/// The bytes as one word of a POSIX shell, whatever they are (but NUL, which no word can hold). A word
/// of harmless characters stays as it is; the empty one becomes ''.
[[nodiscard]] std::string shell_quote(std::string_view bytes);

/// The same, appended.
void append_quoted(std::string& text, std::string_view bytes);

}  // namespace drover::support
