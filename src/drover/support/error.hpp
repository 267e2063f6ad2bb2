// The two exceptions of drover. Bugs of ours are assertions; these are for the world outside.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace drover {

/// The world did not do as asked (a file, a process, MPI). The message names the operation,
/// the thing and the reason, and where it can, what to do next.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller asked for something impossible: an unknown option, a value out of range, a
/// template that names an argument it does not get. Known before any work starts.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// "cannot open 'x.txt': No such file or directory": `what` is the operation, `errno_value` the reason.
[[nodiscard]] Error system_error(std::string_view what, int errno_value);

}  // namespace drover
