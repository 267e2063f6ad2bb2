#include "drover/cli/input/stdin_spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "drover/support/error.hpp"
#include "drover/support/other_users.hpp"

namespace drover::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostBytes = 64U << 10;

fs::path whole(const fs::path& run) {
  return run / "stdin";
}

fs::path part(const fs::path& run) {
  return run / "stdin.part";
}

Error write_error(const fs::path& run, int reason) {
  return system_error("cannot keep standard input in '" + part(run).string() + "'", reason);
}

}  // namespace

void StdinSpool::open(const fs::path& run) {
  run_ = run;
  is_complete_ = fs::exists(whole(run));
  const fs::path path = is_complete_ ? whole(run) : part(run);
  // Not O_APPEND, into which splice() does not write.
  file_ = support::open_no_link(path, O_RDWR | O_CREAT);
  if (!file_ || ::lseek(file_.get(), 0, SEEK_END) < 0) throw write_error(run, errno);
}

bool StdinSpool::is_in(const fs::path& run) {
  return fs::exists(whole(run)) || fs::exists(part(run));
}

void StdinSpool::remove_from(const fs::path& run) {
  std::error_code ignored;
  fs::remove(whole(run), ignored);
  fs::remove(part(run), ignored);
}

std::size_t StdinSpool::read(std::uint64_t offset, std::span<char> to) const {
  ssize_t num = -1;
  do {
    num = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
  } while (num < 0 && errno == EINTR);
  if (num < 0) throw system_error("cannot read what standard input gave", errno);
  return static_cast<std::size_t>(num);
}

void StdinSpool::take_from(int fd) {
  ssize_t num = -1;
  do {
    num = ::splice(fd, nullptr, file_.get(), nullptr, kMostBytes, 0);
  } while (num < 0 && errno == EINTR);
  if (num < 0 && errno == EINVAL) {
    std::vector<char> bytes(kMostBytes);
    do {
      num = ::read(fd, bytes.data(), bytes.size());
    } while (num < 0 && errno == EINTR);
    if (num > 0 && ::write(file_.get(), bytes.data(), static_cast<std::size_t>(num)) != num)
      throw write_error(run_, errno);
  }
  if (num < 0 && errno != EAGAIN) throw write_error(run_, errno);
  if (num != 0) return;
  fs::rename(part(run_), whole(run_));
  is_complete_ = true;
}

}  // namespace drover::cli
