// What somebody else's code has thrown, in words.
#pragma once

#include <string>

namespace drover::support {

struct Thrown {
  std::string type;  ///< as C++ names it
  std::string text;  ///< what() of an exception, or the text itself if that was thrown; else that it is of such a type
};

/// The exception that is being handled: to be called in a catch block.
[[nodiscard]] Thrown describe_current_exception();

}  // namespace drover::support
