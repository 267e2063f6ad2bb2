// A file that only grows: buffered appends, repaired after a crash. Everything a run leaves behind
// is written through this class, so that a full disk is reported in one way.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "drover/support/error.hpp"
#include "drover/support/other_users.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::journal {

/// "cannot write '/runs/7/joblog.tsv': No space left on device (make room there)".
[[nodiscard]] Error file_error(std::string_view operation, const std::filesystem::path& path, int errno_value);

/// Opens close-on-exec, creating with `mode` less the umask if `flags` ask for it; follows no symbolic link at the
/// path's end. Throws Error.
[[nodiscard]] support::UniqueFd open_file(const std::filesystem::path& path, int flags,
                                          mode_t mode = support::kOwnFileMode);

/// Which file it is, whatever its name.
struct FileId {
  dev_t device = 0;
  ino_t number = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};
/// Of what has this name now; nullopt if nothing has.
[[nodiscard]] std::optional<FileId> file_id(const std::filesystem::path& path);

/// Gives a file another name beside it, `<name>.<why>-N`, which is new, and returns that. Throws Error.
std::filesystem::path set_aside(const std::filesystem::path& path, std::string_view why);

/// If it is there. Throws Error.
void remove_file(const std::filesystem::path& path);

/// Writes all of `bytes` at `offset`, whatever the kernel takes at once. Throws Error naming `path`.
void write_at(int fd, const std::filesystem::path& path, std::string_view bytes, std::uint64_t offset);

/// Appends to one file through a buffer. What flush() has written survives a crash of the process; it
/// is not synced to the disk. When a write fails, the buffer is kept: a later flush() tries again and
/// leaves no gap. Destroying flushes as far as possible, silently: call flush() to know.
/// Not thread-safe; others may read the file at the same time.
class AppendFile {
 public:
  /// Opens `path`, creating it if need be; appends go behind what is there. Throws Error.
  explicit AppendFile(std::filesystem::path path, mode_t mode = support::kOwnFileMode);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view bytes);
  /// The unwritten end of the file, for formatting straight into it: append only.
  [[nodiscard]] std::string& buffer() { return buffer_; }
  /// Appends `length` bytes of another file without taking them through the buffer.
  void append_from(int fd, std::uint64_t offset, std::uint64_t length);
  /// Hands all that was appended to the kernel.
  void flush();

  /// Has the disk hold all that was flushed.
  void sync();

  /// Length in bytes, with what is still buffered.
  [[nodiscard]] std::uint64_t size() const { return written_ + buffer_.size(); }
  /// Whether a line ends behind the first `size` bytes, as it does if they are what was written.
  [[nodiscard]] bool ends_line_at(std::uint64_t size) const;
  /// Whether what has been flushed is to be found by its name: nobody has removed, replaced or cut the file since.
  [[nodiscard]] bool is_in_place() const;
  /// Begins anew, with an empty file, where another has been put in place of this one or it has been cut; what is there
  /// is set aside. Returns its new name, or an empty path if there was nothing.
  std::filesystem::path take_place_again();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Cuts the file; `size` is at most size().
  void truncate(std::uint64_t size);
  /// Cuts off what follows the last newline: a line that a crash left half written.
  void drop_torn_line();

 private:
  [[nodiscard]] struct stat status() const;
  [[nodiscard]] std::uint64_t length() const;

  std::filesystem::path path_;
  mode_t mode_;
  support::UniqueFd fd_;
  std::uint64_t written_ = 0;
  bool was_cut_ = false;  ///< by somebody else; writing behind the cut leaves a hole
  std::string buffer_;
};

}  // namespace drover::journal
