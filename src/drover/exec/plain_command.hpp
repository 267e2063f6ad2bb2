// Commands that need no shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::exec {

/// The words of a command that a POSIX shell would do nothing to but split and unquote, and whose
/// first word is a program: executing them directly is the same, and saves a process. None when in
/// doubt. Known quotes: '...', "..." without $ ` \, and a backslash before a character.
[[nodiscard]] std::optional<std::vector<std::string>> split_plain_command(std::string_view command);

}  // namespace drover::exec
