// What the file system under a run directory can be trusted with.
#pragma once

#include <filesystem>
#include <string>

namespace drover::journal {

struct FileSystem {
  /// As people know it: "ext4", "nfs"; "unknown (0x1234)".
  std::string name;
  /// All who open a file here are on this machine and see the same memory when they map it. False
  /// for network file systems, and for what is not known to be local.
  bool is_local = false;
};

/// Of an existing path. Throws Error if it cannot be asked.
[[nodiscard]] FileSystem file_system_of(const std::filesystem::path& path);

}  // namespace drover::journal
