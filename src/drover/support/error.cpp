#include "drover/support/error.hpp"

#include <system_error>

namespace drover {

Error system_error(std::string_view what, int errno_value) {
  return Error(std::string(what) + ": " + std::generic_category().message(errno_value));
}

}  // namespace drover
