#include "drover/journal/file_system.hpp"

#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "drover/journal/append_file.hpp"

namespace drover::journal {

namespace {

struct Known {
  std::uint32_t magic;
  const char* name;
  bool is_local;
};

/// From statfs(2) and the kernel's magic.h, and what the drivers of Lustre and others use. FUSE and
/// 9p may be anything behind them.
constexpr std::array kKnown{
    Known{0xEF53, "ext4", true},        Known{0x58465342, "xfs", true},      Known{0x9123683E, "btrfs", true},
    Known{0x01021994, "tmpfs", true},   Known{0x858458F6, "ramfs", true},    Known{0x794C7630, "overlayfs", true},
    Known{0x2FC12FC1, "zfs", true},     Known{0xF2F52010, "f2fs", true},     Known{0xCA451A4E, "bcachefs", true},
    Known{0x3153464A, "jfs", true},     Known{0x52654973, "reiserfs", true}, Known{0x6969, "nfs", false},
    Known{0x0BD00BD0, "lustre", false}, Known{0x47504653, "gpfs", false},    Known{0x19830326, "beegfs", false},
    Known{0x00C36400, "ceph", false},   Known{0xAAD7AAEA, "panfs", false},   Known{0x7461636F, "ocfs2", false},
    Known{0x01161970, "gfs2", false},   Known{0x5346414F, "afs", false},     Known{0xFF534D42, "cifs", false},
    Known{0xFE534D42, "smb2", false},   Known{0x65735546, "fuse", false},    Known{0x01021997, "9p", false}};

}  // namespace

FileSystem file_system_of(const std::filesystem::path& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) throw file_error("examine the file system of", path, errno);
  const auto magic = static_cast<std::uint32_t>(status.f_type);
  const auto* known =
      std::find_if(kKnown.begin(), kKnown.end(), [magic](const Known& candidate) { return candidate.magic == magic; });
  if (known != kKnown.end()) return {known->name, known->is_local};
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "unknown (0x%x)", magic);
  return {name.data(), false};
}

}  // namespace drover::journal
