// Sockets by which processes that drover starts find the one that started them. Their names are in the
// abstract namespace, so that nothing is left behind; credentials keep others' processes away.
#pragma once

#include <sys/types.h>

#include <string>

#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// A name that nobody else has.
[[nodiscard]] std::string unused_abstract_name();

/// A socket of whole messages, listening. Throws drover::Error.
[[nodiscard]] support::UniqueFd listen_abstract(const std::string& name);

/// The next connection of a process of this user, and which; none if there is none, or another's.
[[nodiscard]] support::UniqueFd accept_own(int listening, pid_t* peer = nullptr);

/// Throws drover::Error when nobody listens.
[[nodiscard]] support::UniqueFd connect_abstract(const std::string& name);

}  // namespace drover::runtime
