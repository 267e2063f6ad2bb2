#include "drover/journal/append_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace drover::journal {

namespace {

constexpr std::size_t kBlock = 64 * 1024;
std::string_view remedy(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      return " (make room there)";
    case EROFS:
    case EACCES:
    case EPERM:
      return " (choose a place that can be written)";
    case ELOOP:
      return " (it is a symbolic link, and drover follows none there: remove it)";
    default:
      return "";
  }
}

/// Reads at most bytes.size() at `offset`; 0 is the end of the file.
std::size_t read_at(int fd, const std::filesystem::path& path, std::span<char> bytes, std::uint64_t offset) {
  for (;;) {
    const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) throw file_error("read", path, errno);
  }
}

/// Whether this errno of copy_file_range(2) means "not between these two files".
bool is_copy_unsupported(int errno_value) {
  return errno_value == EXDEV || errno_value == EINVAL || errno_value == ENOSYS || errno_value == EOPNOTSUPP;
}

}  // namespace

Error file_error(std::string_view operation, const std::filesystem::path& path, int errno_value) {
  const Error plain = system_error("cannot " + std::string(operation) + " '" + path.string() + "'", errno_value);
  return Error(plain.what() + std::string(remedy(errno_value)));
}

support::UniqueFd open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  support::UniqueFd fd = support::open_no_link(path, flags, mode);
  if (!fd) throw file_error((flags & O_CREAT) != 0 ? "create" : "open", path, errno);
  return fd;
}

std::optional<FileId> file_id(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

std::filesystem::path set_aside(const std::filesystem::path& path, std::string_view why) {
  std::error_code error;
  for (int i = 1;; ++i) {
    std::filesystem::path name = path.string() + "." + std::string(why) + "-" + std::to_string(i);
    if (std::filesystem::exists(std::filesystem::symlink_status(name, error))) continue;
    std::filesystem::rename(path, name, error);
    if (error) throw file_error("rename", path, error.value());
    return name;
  }
}

void remove_file(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) throw file_error("remove", path, error.value());
}

void write_at(int fd, const std::filesystem::path& path, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw file_error("write", path, n < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

AppendFile::AppendFile(std::filesystem::path path, mode_t mode)
    : path_(std::move(path)), mode_(mode), fd_(open_file(path_, O_RDWR | O_CREAT, mode)) {
  written_ = length();
}

struct stat AppendFile::status() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw file_error("examine", path_, errno);
  if (!S_ISREG(status.st_mode)) throw Error("cannot write '" + path_.string() + "': it is not a regular file");
  return status;
}

std::uint64_t AppendFile::length() const {
  return static_cast<std::uint64_t>(status().st_size);
}

AppendFile::~AppendFile() {
  try {
    flush();
  } catch (const Error&) {  // Whoever had to know has called flush().
  }
}

void AppendFile::append(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBlock) flush();
}

void AppendFile::append_from(int fd, std::uint64_t offset, std::uint64_t length) {
  flush();
  was_cut_ = was_cut_ || this->length() < written_;
  while (length > 0) {
    auto from = static_cast<off_t>(offset);
    auto to = static_cast<off_t>(written_);
    ssize_t n = ::copy_file_range(fd, &from, fd_.get(), &to, length, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && is_copy_unsupported(errno)) {
      std::array<char, kBlock> block;
      const std::size_t got =
          read_at(fd, path_, std::span(block).first(std::min<std::uint64_t>(length, kBlock)), offset);
      write_at(fd_.get(), path_, std::string_view(block.data(), got), written_);
      n = static_cast<ssize_t>(got);
    }
    if (n < 0) throw file_error("write", path_, errno);
    if (n == 0) throw Error("cannot write '" + path_.string() + "': the file that it is copied from was cut short");
    offset += static_cast<std::uint64_t>(n);
    written_ += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
}

void AppendFile::flush() {
  if (buffer_.empty()) return;
  was_cut_ = was_cut_ || length() < written_;
  write_at(fd_.get(), path_, buffer_, written_);
  written_ += buffer_.size();
  buffer_.clear();
}

void AppendFile::sync() {
  while (::fdatasync(fd_.get()) != 0)
    if (errno != EINTR) throw file_error("write", path_, errno);
}

bool AppendFile::ends_line_at(std::uint64_t size) const {
  char last = '\n';
  return size == 0 || (size <= written_ && read_at(fd_.get(), path_, {&last, 1}, size - 1) == 1 && last == '\n');
}

bool AppendFile::is_in_place() const {
  const struct stat status = this->status();
  return !was_cut_ && static_cast<std::uint64_t>(status.st_size) >= written_ &&
         file_id(path_) == FileId{status.st_dev, status.st_ino};
}

std::filesystem::path AppendFile::take_place_again() {
  std::error_code error;
  std::filesystem::path aside;
  if (std::filesystem::exists(std::filesystem::symlink_status(path_, error))) aside = set_aside(path_, "set-aside");
  fd_ = open_file(path_, O_RDWR | O_CREAT | O_EXCL, mode_);
  written_ = 0;
  was_cut_ = false;
  buffer_.clear();
  return aside;
}

void AppendFile::truncate(std::uint64_t size) {
  flush();
  if (size == written_) return;
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) throw file_error("truncate", path_, errno);
  written_ = size;
}

void AppendFile::drop_torn_line() {
  flush();
  std::array<char, kBlock> block;
  for (std::uint64_t end = written_; end > 0;) {
    const std::uint64_t start = end - std::min<std::uint64_t>(end, kBlock);
    const std::size_t got = read_at(fd_.get(), path_, std::span(block).first(end - start), start);
    const auto newline = std::string_view(block.data(), got).rfind('\n');
    if (newline != std::string_view::npos) return truncate(start + newline + 1);
    end = start;
  }
  truncate(0);
}

}  // namespace drover::journal
