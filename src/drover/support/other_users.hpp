// Files in places where other users may write: whose they are, and opening them.
//
// What drover keeps of a run tells what was run, with which variables, and what came of it; so a directory
// that it makes is its user's alone, and whoever is to read there is let in by chmod. And it neither
// writes through a link nor obeys a file that somebody else has put in its way.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "drover/support/unique_fd.hpp"

namespace drover::support {

/// Less the umask.
inline constexpr mode_t kOwnDirectoryMode = 0700;
inline constexpr mode_t kOwnFileMode = 0660;

/// Opens close-on-exec. A symbolic link at the end of the path is not followed (errno is ELOOP then, as open(2)
/// has it). An empty descriptor if it cannot be opened, with errno set.
[[nodiscard]] UniqueFd open_no_link(const std::filesystem::path& path, int flags, mode_t mode = kOwnFileMode);

/// Who else may put files into this directory, or change what is there: "belongs to user 'bob'", "can be
/// written by everybody"; empty if only this user and root may, or those of a group whom this user trusts. Root
/// may use what is another's alone. Throws Error if it cannot be examined.
[[nodiscard]] std::string other_hands_in(const std::filesystem::path& directory);

/// As other_hands_in(), of a file that is to be obeyed, and of the link that may lead to it: root obeys root alone.
[[nodiscard]] std::string other_hands_on(const std::filesystem::path& file);

/// Whether a user may speak for this one: it is the same, or root, or this is root.
[[nodiscard]] bool is_trusted(uid_t user);

}  // namespace drover::support
