#include "drover/journal/run_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include "drover/journal/append_file.hpp"
#include "drover/journal/file_system.hpp"

namespace drover::journal {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kRetry = 50ms;
/// Those who look whether the directory is locked have it for a moment.
constexpr core::Duration kLeastPatience = 200ms;

/// All of a file, for writing. Open file description locks: others of this process exclude each
/// other, and closing another descriptor of the file lets nothing go.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

support::UniqueFd open_directory(const RunDirectory& run) {
  support::UniqueFd fd(::open(run.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw file_error("open", run.path(), errno);
  return fd;
}

/// Whether nobody else has it. Not every file system can lock a directory (NFS cannot): then there is the file alone.
bool try_lock_directory(int fd, int kind) {
  return ::flock(fd, kind | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool try_lock(int fd, const std::filesystem::path& path) {
  struct flock lock = whole_file();
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw Error(system_error("cannot lock '" + path.string() + "'", errno).what() + std::string(": its file system (") +
              file_system_of(path).name +
              ") has no working locks, so nothing would keep a second master out; use a run directory elsewhere, or "
              "have it mounted with locks (Lustre: -o flock)");
}

bool is_locked(int fd, const std::filesystem::path& path) {
  struct flock lock = whole_file();
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) throw file_error("examine the lock", path, errno);
  return lock.l_type != F_UNLCK;
}

std::string read_holder(const RunDirectory& run) {
  constexpr const char* kUnknown = "a process that has not said who it is, or whose master.lock was deleted";
  std::error_code error;
  if (!std::filesystem::exists(run.lock(), error)) return kUnknown;
  std::array<char, 256> text{};
  const ssize_t n = ::pread(open_file(run.lock(), O_RDONLY).get(), text.data(), text.size(), 0);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : kUnknown;
}

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 64> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S", &local);
  return "process " + std::to_string(::getpid()) + " on " + host.data() + ", since " + time.data();
}

}  // namespace

RunLock RunLock::acquire(const RunDirectory& run, core::Duration patience) {
  const std::filesystem::path path = run.lock();
  support::UniqueFd directory = open_directory(run);
  support::UniqueFd file;
  const auto deadline = std::chrono::steady_clock::now() + std::max(patience, kLeastPatience);
  const auto try_both = [&] {
    if (!try_lock_directory(directory.get(), LOCK_EX)) return false;
    if (!file) file = open_file(path, O_RDWR | O_CREAT);
    return try_lock(file.get(), path);
  };
  while (!try_both()) {
    if (std::chrono::steady_clock::now() >= deadline)
      throw Error("run directory '" + run.path().string() + "' is in use by " + read_holder(run) +
                  ": two masters on one run would undo each other's work");
    std::this_thread::sleep_for(kRetry);
  }
  // Some file systems grant whatever they are asked for.
  if (!is_locked(open_file(path, O_RDWR).get(), path))
    throw Error("cannot use run directory '" + run.path().string() + "': its file system (" +
                file_system_of(path).name + ") grants locks without keeping others out; use one elsewhere");
  const std::string holder = this_process();
  if (::ftruncate(file.get(), 0) != 0) throw file_error("write", path, errno);
  write_at(file.get(), path, holder, 0);
  return {std::move(directory), std::move(file)};
}

std::optional<std::string> current_master(const RunDirectory& run) {
  if (!try_lock_directory(open_directory(run).get(), LOCK_SH)) return read_holder(run);
  std::error_code error;
  if (!std::filesystem::exists(run.lock(), error)) return std::nullopt;
  const support::UniqueFd file = open_file(run.lock(), O_RDONLY);
  if (!is_locked(file.get(), run.lock())) return std::nullopt;
  return read_holder(run);
}

}  // namespace drover::journal
