#include "drover/support/own_program.hpp"

#include <filesystem>

namespace drover::support {

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

}  // namespace drover::support
