// How outcomes are told to people and to files.
#pragma once

#include <string>
#include <string_view>

#include "drover/core/task.hpp"

namespace drover::core {

/// One word for records: `exited`, `signaled`, `timed_out`, `not_started`, `killed`, `threw`.
[[nodiscard]] std::string_view outcome_name(const Outcome& outcome);

/// A phrase for people: `exit status 3`, `killed by signal 9 (Killed)`, `timed out`,
/// `could not start: <reason>`, `killed by drover`, `std::runtime_error: no such table`.
[[nodiscard]] std::string describe(const Outcome& outcome);

/// The exit status as a shell would give it, for GNU parallel's job log: the code, 0 when a
/// signal ended it (that is in its own column), 126/127 when it could not be started.
[[nodiscard]] int exit_value(const Outcome& outcome);

/// The signal that ended it, 0 when none did.
[[nodiscard]] int signal_value(const Outcome& outcome);

}  // namespace drover::core
