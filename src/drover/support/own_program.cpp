#include "drover/support/own_program.hpp"

#include <filesystem>

namespace drover::support {

const std::string& own_program() {
  // A file that is replaced later has a name for Linux by which nothing can be started.
  static const std::string path = std::filesystem::read_symlink("/proc/self/exe").string();
  return path;
}

}  // namespace drover::support
